/** Plain data as JavaScript: what JSON cannot say (infinities, nan, -0) as well, and long texts as template literals. */

const NAME = /^[A-Za-z_$][\w$]*$/;

export const printKey = (key: string): string => (NAME.test(key) ? key : JSON.stringify(key));

export function printData(value: unknown): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (Array.isArray(value)) return `[${value.map(printData).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return fields.length === 0
      ? "{}"
      : `{ ${fields.map(([key, field]) => `${printKey(key)}: ${printData(field)}`).join(", ")} }`;
  }
  return JSON.stringify(value);
}

/** A template literal, in which line breaks stay. */
export const printText = (text: string): string =>
  `\`${text.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${")}\``;
