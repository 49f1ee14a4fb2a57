/** What a helper function is: its text as a function of the width that it is wanted at. The functions: helpers.ts. */
/** How a helper's text names types and other helpers at one width. */
export interface HelperDialect {
  readonly f: string;
  readonly i: string;
  readonly u: string;
  readonly b: string;
  /** A float constant at this width. */
  readonly c: (value: number) => string;
  readonly call: (helper: string, ...args: string[]) => string;
}

export interface Helper {
  /** Helpers that this one calls; they stand before it in the text and in the table. */
  readonly uses: readonly string[];
  /** Written for scalars only; vectors call it element by element. */
  readonly scalarOnly?: boolean;
  readonly parameters: (d: HelperDialect) => string;
  readonly result: (d: HelperDialect) => string;
  readonly body: (d: HelperDialect) => readonly string[];
}
