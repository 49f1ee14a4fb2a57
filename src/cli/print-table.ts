/** Text tables: columns as wide as their widest cell, two spaces between them, no trailing spaces. */

export interface Column {
  readonly title: string;
  /** Numbers stand right. Default: left. */
  readonly align?: "left" | "right";
}

/** The table as lines, the titles first. */
export function printTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map(({ title }, column) =>
    rows.reduce((width, row) => Math.max(width, (row[column] ?? "").length), title.length),
  );
  return [titles, ...rows].map((row) =>
    columns
      .map(({ align }, column) => {
        const cell = row[column] ?? "";
        const width = widths[column] ?? 0;
        return align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

const UNITS = ["B", "KiB", "MiB", "GiB"] as const;

/** A size with three significant digits. */
export function printBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ""}`;
}
