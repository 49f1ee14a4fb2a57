/**
 * Shapes in types, where TypeScript can carry them: `readonly [8, 3]`, with `number` for a length that is not known, and
 * `Shape` for a shape of which nothing is known. What cannot be computed becomes `Shape`; what cannot be right becomes a
 * `Mismatch`, which no tensor has, with the reason in it.
 *
 * Types only: nothing here exists at run time.
 */
export type Shape = readonly number[];

/** The shape of no tensor; the text is what the compiler shows. */
export interface Mismatch<Message extends string> extends ReadonlyArray<never> {
  readonly mismatch: Message;
}

/**
 * What has a shape in its type. Shapes meet in the parameter of a method, which TypeScript compares both ways: an unknown
 * shape goes where a known one is asked for and the other way round, but [3] never goes for [4].
 */
export interface Shaped<S extends Shape> {
  "~shape"?(shape: S): void;
}

type IsUnknown<S extends Shape> = number extends S["length"] ? true : false;

export type PrintShape<S extends Shape> = S extends readonly [
  infer D extends number,
  ...infer Rest extends Shape,
]
  ? Rest extends readonly []
    ? `${D}`
    : `${D},${PrintShape<Rest>}`
  : "";

// Broadcasting.

/** The length that two lengths broadcast to; never where they do not. */
type BroadcastLength<A extends number, B extends number> = number extends A
  ? number extends B
    ? number
    : [B] extends [1]
      ? number
      : B
  : number extends B
    ? [A] extends [1]
      ? number
      : A
    : [A] extends [1]
      ? B
      : [B] extends [1]
        ? A
        : [A] extends [B]
          ? A
          : [B] extends [A]
            ? B
            : never;

/** From the last dimension to the first; never where two do not meet. */
type BroadcastTail<A extends Shape, B extends Shape, Out extends Shape = readonly []> = A extends readonly [
  ...infer AHead extends Shape,
  infer ALast extends number,
]
  ? B extends readonly [...infer BHead extends Shape, infer BLast extends number]
    ? [BroadcastLength<ALast, BLast>] extends [never]
      ? never
      : BroadcastTail<AHead, BHead, readonly [BroadcastLength<ALast, BLast>, ...Out]>
    : readonly [...A, ...Out]
  : readonly [...B, ...Out];

/** The shape of an elementwise result. */
export type Broadcast<A extends Shape, B extends Shape> = B extends readonly []
  ? A
  : IsUnknown<A> extends true
    ? Shape
    : IsUnknown<B> extends true
      ? Shape
      : [BroadcastTail<A, B>] extends [never]
        ? Shape
        : BroadcastTail<A, B>;

/** `B`, where it broadcasts with `A`. */
export type Broadcastable<A extends Shape, B extends Shape> = B extends readonly []
  ? B
  : IsUnknown<A> extends true
    ? B
    : IsUnknown<B> extends true
      ? B
      : [BroadcastTail<A, B>] extends [never]
        ? Mismatch<`[${PrintShape<A>}] and [${PrintShape<B>}] do not broadcast`>
        : B;

/** `S`, where it broadcasts to `T`: every length is that of `T`, or 1. */
export type BroadcastableTo<S extends Shape, T extends Shape> =
  IsLiteral<S> extends true
    ? IsLiteral<T> extends true
      ? [BroadcastTail<S, T>] extends [T]
        ? [BroadcastTail<S, T>] extends [never]
          ? Mismatch<`[${PrintShape<S>}] does not broadcast to [${PrintShape<T>}]`>
          : S
        : Mismatch<`[${PrintShape<S>}] does not broadcast to [${PrintShape<T>}]`>
      : S
    : S;

// Axes.

/** As options have it: one axis, several, or all. */
export type Axis = number | readonly number[] | undefined;

/** Options of a reduction, with literals as they were written. */
export interface ReduceOver<A extends Axis, K extends boolean> {
  /** One axis, several, or all when absent. Negative axes count from the end. */
  readonly axis?: A | undefined;
  /** Keep reduced axes with length 1. Default false. */
  readonly keepdims?: K | undefined;
}
export interface PositionOver<A extends Axis, K extends boolean> extends ReduceOver<A, K> {
  /** Of equal elements, the last one counts. Default false: the first. */
  readonly selectLast?: boolean | undefined;
}

type AxisList<A> = A extends number ? readonly [A] : A extends readonly number[] ? A : readonly [];

/** Whether a list of axes names the dimension with so many before it, itself and those behind it counted as `Rest`. */
type Names<
  A extends readonly number[],
  Before extends Shape,
  Rest extends Shape,
> = `${A[number]}` extends infer Text
  ? Text extends `${Before["length"]}` | `-${Rest["length"]}`
    ? true
    : never
  : never;

type ReduceDimensions<
  S extends Shape,
  A extends readonly number[],
  Keep extends boolean,
  Before extends Shape = readonly [],
  Out extends Shape = readonly [],
> = S extends readonly [infer D extends number, ...infer Rest extends Shape]
  ? ReduceDimensions<
      Rest,
      A,
      Keep,
      readonly [...Before, D],
      [Names<A, Before, S>] extends [never]
        ? readonly [...Out, D]
        : Keep extends true
          ? readonly [...Out, 1]
          : Out
    >
  : Out;

type Ones<S extends Shape> = { readonly [I in keyof S]: 1 };

type IsUnion<T, Each = T> = [T] extends [never]
  ? false
  : Each extends T
    ? [T] extends [Each]
      ? false
      : true
    : never;

/** Whether all is known of a list of axes or lengths: each is one number, and how many there are. */
type IsLiteral<A extends readonly number[]> =
  IsUnion<A> extends true
    ? false
    : A extends readonly [infer First extends number, ...infer Rest extends Shape]
      ? number extends First
        ? false
        : IsUnion<First> extends true
          ? false
          : IsLiteral<Rest>
      : A extends readonly []
        ? true
        : false;

/** The shape of a reduction over `A`, all axes where it is undefined. */
export type Reduced<S extends Shape, A extends Axis, Keep extends boolean> = boolean extends Keep
  ? Shape
  : [A] extends [undefined]
    ? Keep extends true
      ? IsUnknown<S> extends true
        ? Shape
        : Ones<S>
      : readonly []
    : IsUnknown<S> extends true
      ? Shape
      : IsLiteral<AxisList<A>> extends true
        ? ReduceDimensions<S, AxisList<A>, Keep>
        : Shape;

/** The texts of the axes of a shape: "0" | "-1" | ... */
type AxisTexts<S extends Shape, Before extends Shape = readonly []> = S extends readonly [
  infer D extends number,
  ...infer Rest extends Shape,
]
  ? `${Before["length"]}` | `-${S["length"]}` | AxisTexts<Rest, readonly [...Before, D]>
  : never;

/** `S`, where the axes are among its own. */
export type WithAxes<S extends Shape, A extends Axis> = [A] extends [undefined]
  ? S
  : IsUnknown<S> extends true
    ? S
    : IsLiteral<AxisList<A>> extends true
      ? [Exclude<`${AxisList<A>[number]}`, AxisTexts<S>>] extends [never]
        ? S
        : Mismatch<`axis ${Exclude<`${AxisList<A>[number]}`, AxisTexts<S>>} is out of range for [${PrintShape<S>}]`>
      : S;

// Views.

/** Dimension d of the result is dimension `P[d]`. */
export type Transposed<S extends Shape, P extends readonly number[] | undefined> =
  IsUnknown<S> extends true
    ? Shape
    : [P] extends [undefined]
      ? Reversed<S>
      : P extends readonly number[]
        ? IsLiteral<P> extends true
          ? { readonly [I in keyof P]: LengthAt<S, P[I] & number> }
          : Shape
        : Shape;

type Reversed<S extends Shape> = S extends readonly [infer D extends number, ...infer Rest extends Shape]
  ? readonly [...Reversed<Rest>, D]
  : readonly [];

/** The length at an axis, which may count from the end. */
type LengthAt<S extends Shape, A extends number> = `${A}` extends `-${infer FromEnd extends number}`
  ? Reversed<S> extends infer R extends Shape
    ? LengthBefore<R, FromEnd>
    : number
  : S[A] extends number
    ? S[A]
    : number;

/** The length in place `N`, counted from 1. */
type LengthBefore<
  S extends Shape,
  N extends number,
  Before extends Shape = readonly [],
> = S extends readonly [infer D extends number, ...infer Rest extends Shape]
  ? [...Before, D]["length"] extends N
    ? D
    : LengthBefore<Rest, N, readonly [...Before, D]>
  : number;

/** `S`, where the permutation names each of its axes. */
export type Permutable<S extends Shape, P extends readonly number[] | undefined> =
  IsUnknown<S> extends true
    ? S
    : P extends readonly number[]
      ? IsLiteral<P> extends true
        ? P["length"] extends S["length"]
          ? WithAxes<S, P>
          : Mismatch<`[${PrintShape<S>}] has other axes than the permutation`>
        : S
      : S;

/** What a reshape gives: an unknown length for -1. */
export type Reshaped<T extends Shape> = { readonly [I in keyof T]: T[I] extends -1 ? number : T[I] };

/**
 * `S`, where it can have as many elements as `T`: lengths that stand in both cancel, and what is left has to be nothing on
 * both sides, or something on both.
 */
export type Reshapeable<S extends Shape, T extends Shape> =
  HasLiterals<S> extends true
    ? HasLiterals<T> extends true
      ? SameProduct<S, T> extends false
        ? Mismatch<`[${PrintShape<S>}] cannot be reshaped to [${PrintShape<T>}]`>
        : S
      : S
    : S;

type HasLiterals<S extends Shape> = IsLiteral<S> extends true ? (-1 extends S[number] ? false : true) : false;

/** Factors of 1 do not count. */
type Factors<S extends Shape> = S extends readonly [infer D extends number, ...infer Rest extends Shape]
  ? D extends 1
    ? Factors<Rest>
    : readonly [D, ...Factors<Rest>]
  : readonly [];

type Cancel<A extends Shape, B extends Shape, Left extends Shape = readonly []> = A extends readonly [
  infer D extends number,
  ...infer Rest extends Shape,
]
  ? Without<B, D> extends infer Found extends Shape
    ? Cancel<Rest, Found, Left>
    : Cancel<Rest, B, readonly [...Left, D]>
  : readonly [Left, B];

/** `S` without one `D`; never where it has none. */
type Without<S extends Shape, D extends number, Before extends Shape = readonly []> = S extends readonly [
  infer First extends number,
  ...infer Rest extends Shape,
]
  ? [First, D] extends [D, First]
    ? readonly [...Before, ...Rest]
    : Without<Rest, D, readonly [...Before, First]>
  : false;

type SameProduct<A extends Shape, B extends Shape> =
  Cancel<Factors<A>, Factors<B>> extends readonly [infer L extends Shape, infer R extends Shape]
    ? [L["length"], R["length"]] extends [0, 0]
      ? true
      : 0 extends L["length"] | R["length"]
        ? false
        : Product<L> extends infer P extends number
          ? Product<R> extends infer Q extends number
            ? [P, Q] extends [Q, P]
              ? true
              : false
            : true
          : true
    : true;

/** Of few small factors, by counting; undefined where that is too much for the compiler. */
type Product<S extends Shape> = S extends readonly [infer D extends number]
  ? D
  : S extends readonly [infer A extends number, infer B extends number, ...infer Rest extends Shape]
    ? Times<A, B> extends infer P extends number
      ? Product<readonly [P, ...Rest]>
      : undefined
    : 1;

type Times<A extends number, B extends number> =
  IsSmall<A> extends true
    ? IsSmall<B> extends true
      ? [...Repeat<Fill<A>, B>]["length"]
      : undefined
    : undefined;

/** Two digits. */
type IsSmall<N extends number> = `${N}` extends `${Digit}${Digit}` | `${Digit}` ? true : false;
type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

type Fill<N extends number, Out extends readonly 0[] = readonly []> = Out["length"] extends N
  ? Out
  : Fill<N, readonly [...Out, 0]>;

type Repeat<
  Unit extends readonly 0[],
  N extends number,
  Turn extends readonly 0[] = readonly [],
  Out extends readonly 0[] = readonly [],
> = Turn["length"] extends N ? Out : Repeat<Unit, N, readonly [...Turn, 0], readonly [...Out, ...Unit]>;
