/** Readers of what JSON.parse gives, for artefacts that come from outside: each gives null where the form is another. */

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const readText = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** Lengths, positions, bytes. */
export const readCount = (value: unknown): number | null =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value + 0 : null;

/** All items, or null where one has another form. */
export function readEach<T>(value: unknown, read: (item: unknown) => T | null): readonly T[] | null {
  if (!Array.isArray(value)) return null;
  const items: T[] = [];
  for (const item of value as readonly unknown[]) {
    const one = read(item);
    if (one === null) return null;
    items.push(one);
  }
  return items;
}
