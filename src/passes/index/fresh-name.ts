/** A name that nothing has yet: the base, with underscores behind it where it is taken. The name is taken from then on. */
export function freshName(taken: Set<string>, base: string): string {
  let name = base;
  while (taken.has(name)) name += "_";
  taken.add(name);
  return name;
}
