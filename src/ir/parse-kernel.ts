/**
 * Reads the text of a kernel (grammar: docs/ir.md). Inverse of `printKernel`.
 *
 * Requires: text; `file` names it in errors.
 * Ensures:  a kernel whose types are those of the text, not verified beyond what reading needs; a mistake throws a
 *           `TensorweftError` with its place. Linear time; blocks and expressions nest at most MAX_NESTING deep.
 */
import { isDType } from "./dtype.ts";
import type {
  Binding,
  GroupReduceItem,
  Kernel,
  ScalarParam,
  SharedArray,
  Stmt,
  ValueType,
  Width,
  LaneOrder,
} from "./kernel.ts";
import { openKernelExprs } from "./parse-kernel-expr.ts";
import type { KernelExprs } from "./parse-kernel-expr.ts";
import { isMonoidName } from "./monoids.ts";
import { typeOf } from "./kernel.ts";
import { expectInteger, openText, parseList, parseName } from "./text-cursor.ts";
import type { TextCursor, Token } from "./text-cursor.ts";
import { MAX_NESTING } from "./walk-kernel.ts";

export function parseKernel(text: string, file = "kernel.txt"): Kernel {
  const cursor = openText(text, file);
  cursor.expect("kernel");
  const name = takeName(cursor);
  const workgroupSize = takeAttribute(cursor, "size");
  const workgroupCount = takeAttribute(cursor, "count");
  cursor.expect("grid");
  cursor.expect("=");
  const [x = 1, y = 1, z = 1] = parseList(cursor, "[", "]", () => expectInteger(cursor));
  const subgroupSize = cursor.peek().text === "subgroups" ? takeAttribute(cursor, "subgroups") : undefined;
  const open = takeOpen(cursor);
  cursor.expect("{");
  const exprs = openKernelExprs(cursor);
  const declarations = parseDeclarations(cursor, exprs);
  const body = parseBody(cursor, exprs, 0);
  const rest = cursor.peek();
  if (rest.kind !== "end") cursor.failAt(rest, "syntax", `expected the end of the text, found ${rest.text}`);
  const head = { name, workgroupSize, workgroupCount, workgroups: [x, y, z] as const };
  const size = subgroupSize === undefined ? {} : { subgroupSize };
  return { ...head, ...size, ...open, ...declarations, body };
}

const takeOpen = (cursor: TextCursor): { readonly isOpen?: true } =>
  cursor.accept("open") ? { isOpen: true } : {};

const takeName = (cursor: TextCursor): string => parseName(cursor, cursor.expectKind("name", "a name"));

function takeAttribute(cursor: TextCursor, key: string): number {
  cursor.expect(key);
  cursor.expect("=");
  return expectInteger(cursor);
}

function takeWidth(cursor: TextCursor): Width {
  const token = cursor.peek();
  const width = takeAttribute(cursor, "width");
  if (width === 1 || width === 2 || width === 4) return width;
  return cursor.failAt(token, "syntax", `width ${String(width)} does not exist`, "widths are 1, 2 and 4");
}

function takeLength(cursor: TextCursor): number {
  cursor.expect("[");
  const length = expectInteger(cursor);
  cursor.expect("]");
  return length;
}

type Declarations = Pick<Kernel, "bindings" | "scalars" | "shared">;

function parseDeclarations(cursor: TextCursor, exprs: KernelExprs): Declarations {
  const bindings: Binding[] = [];
  const scalars: ScalarParam[] = [];
  const shared: SharedArray[] = [];
  for (;;) {
    if (cursor.accept("binding")) bindings.push(parseBinding(cursor));
    else if (cursor.accept("scalar")) {
      const name = takeName(cursor);
      cursor.expect(":");
      const { scalar } = exprs.takeType();
      exprs.scalars.set(name, { scalar, width: 1 });
      scalars.push({ name, dtype: scalar });
    } else if (cursor.accept("shared")) {
      const name = takeName(cursor);
      cursor.expect(":");
      const type = exprs.takeType();
      exprs.arrays.set(name, type);
      shared.push({ name, type, length: takeLength(cursor) });
    } else return { bindings, scalars, shared };
  }
}

function parseBinding(cursor: TextCursor): Binding {
  const name = takeName(cursor);
  cursor.expect(":");
  const token = cursor.expectKind("word", "a dtype");
  const dtype = isDType(token.text) ? token.text : cursor.failAt(token, "syntax", `no dtype ${token.text}`);
  const elements = takeLength(cursor);
  const width = takeWidth(cursor);
  const access = cursor.accept("read_write") ? "read_write" : "read";
  if (access === "read") cursor.expect("read");
  return { name, access, dtype, elements, width, ...takeOpen(cursor) };
}

function parseBody(cursor: TextCursor, exprs: KernelExprs, depth: number): readonly Stmt[] {
  const body: Stmt[] = [];
  const first = cursor.peek();
  if (depth > MAX_NESTING)
    cursor.failAt(first, "nesting-too-deep", `blocks nest deeper than ${String(MAX_NESTING)}`);
  while (!cursor.accept("}")) body.push(parseStmt(cursor, exprs, depth));
  return body;
}

function parseStmt(cursor: TextCursor, exprs: KernelExprs, depth: number): Stmt {
  const token = cursor.next();
  if (token.kind === "name") return parseAssignment(cursor, exprs, parseName(cursor, token));
  switch (token.text) {
    case "let":
    case "var": {
      const name = takeName(cursor);
      cursor.expect("=");
      const value = exprs.parse();
      exprs.values.set(name, typeOf(value));
      return { kind: token.text, name, value };
    }
    case "registers": {
      const name = takeName(cursor);
      cursor.expect(":");
      const type = exprs.takeType();
      exprs.arrays.set(name, type);
      return { kind: "registers", name, type, length: takeLength(cursor) };
    }
    case "load":
    case "shared.load":
      return parseLoad(cursor, exprs, token.text === "load");
    case "store":
    case "shared.store": {
      const target = takeName(cursor);
      const index = exprs.parseIndex();
      cursor.expect("=");
      const value = exprs.parse();
      return token.text === "store"
        ? { kind: "store", buffer: target, index, value }
        : { kind: "sharedStore", array: target, index, value };
    }
    case "delinearize":
      return parseDelinearize(cursor, exprs);
    case "for": {
      const counter = takeName(cursor);
      exprs.values.set(counter, { scalar: "u32", width: 1 });
      cursor.expect("in");
      const trips = expectInteger(cursor);
      const unroll = cursor.accept("unroll");
      cursor.expect("{");
      return { kind: "for", counter, trips, unroll, body: parseBody(cursor, exprs, depth + 1) };
    }
    case "if": {
      const condition = exprs.parse();
      cursor.expect("{");
      return { kind: "if", condition, body: parseBody(cursor, exprs, depth + 1) };
    }
    case "barrier":
      return { kind: "barrier" };
    case "group.reduce":
      return parseGroupReduce(cursor, exprs);
    default:
      return failAtStatement(cursor, token);
  }
}

function failAtStatement(cursor: TextCursor, token: Token): never {
  const found = token.kind === "end" ? "the end of the text" : token.text;
  return cursor.failAt(token, "syntax", `expected a statement, found ${found}`);
}

/** `%x = e` or `%r[e] = e`. */
function parseAssignment(cursor: TextCursor, exprs: KernelExprs, name: string): Stmt {
  const index = cursor.peek().text === "[" ? exprs.parseIndex() : undefined;
  cursor.expect("=");
  const value = exprs.parse();
  return index === undefined
    ? { kind: "assign", name, value }
    : { kind: "setRegister", array: name, index, value };
}

function parseLoad(cursor: TextCursor, exprs: KernelExprs, isStorage: boolean): Stmt {
  const name = takeName(cursor);
  let type: ValueType | undefined;
  if (isStorage) {
    cursor.expect(":");
    type = exprs.takeType();
  }
  cursor.expect("=");
  const token = cursor.peek();
  const source = takeName(cursor);
  const index = exprs.parseIndex();
  const loaded = type ?? exprs.arrays.get(source);
  if (loaded === undefined) return cursor.failAt(token, "unknown-name", `no shared array ${source}`);
  exprs.values.set(name, loaded);
  return type === undefined
    ? { kind: "sharedLoad", name, array: source, index }
    : { kind: "load", name, type, buffer: source, index };
}

function parseDelinearize(cursor: TextCursor, exprs: KernelExprs): Stmt {
  const names: string[] = [];
  const sizes: number[] = [];
  do {
    names.push(takeName(cursor));
    cursor.expect("=");
    sizes.push(expectInteger(cursor));
  } while (cursor.accept(","));
  cursor.expect("from");
  const from = exprs.parse();
  for (const name of names) exprs.values.set(name, { scalar: "u32", width: 1 });
  return { kind: "delinearize", names, sizes, from };
}

function parseOrder(cursor: TextCursor, exprs: KernelExprs): LaneOrder {
  if (cursor.accept("within")) return { within: exprs.parse() };
  if (cursor.peek().text === "[")
    return parseList(cursor, "[", "]", () => ({ size: expectInteger(cursor), shared: cursor.accept("*") }));
  if (cursor.accept("outer")) return "outer";
  cursor.expect("inner");
  return "inner";
}

function parseGroupReduce(cursor: TextCursor, exprs: KernelExprs): Stmt {
  const lanes = takeAttribute(cursor, "lanes");
  const order = parseOrder(cursor, exprs);
  const method = cursor.accept("subgroup") ? "subgroup" : "tree";
  if (method === "tree") cursor.expect("tree");
  const items = parseList(cursor, "(", ")", (): GroupReduceItem => {
    const results = [takeName(cursor)];
    while (!cursor.accept("=")) results.push(takeName(cursor));
    const token = cursor.expectKind("word", "a reduction");
    const fn = isMonoidName(token.text)
      ? token.text
      : cursor.failAt(token, "syntax", `no reduction ${token.text}`);
    return { fn, parts: results.map((result) => ({ value: exprs.parse(), result })) };
  });
  for (const { value, result } of items.flatMap(({ parts }) => parts))
    exprs.values.set(result, typeOf(value));
  return { kind: "groupReduce", items, lanes, order, method };
}
