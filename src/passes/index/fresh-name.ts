/** Names for what passes add. */
import type { IndexProgram } from "../../ir/index-notation.ts";

/** Names that something of the program has. */
export const takenNames = ({ axes, tensors, scalars, statements }: IndexProgram): Set<string> =>
  new Set([...axes, ...tensors, ...scalars, ...statements].map(({ name }) => name));

/** A name that nothing has yet: the base, with underscores behind it where it is taken. The name is taken from then on. */
export function freshName(taken: Set<string>, base: string): string {
  let name = base;
  while (taken.has(name)) name += "_";
  taken.add(name);
  return name;
}
