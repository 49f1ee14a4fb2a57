/** A text of 4 MiB that depends on the key in every line: writing it takes long enough to be killed in the middle. */
export const largeText = (key: string): string => `${key} `.repeat(Math.floor(2 ** 22 / (key.length + 1)));
