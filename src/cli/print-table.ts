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
