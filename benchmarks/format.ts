/** Numbers as people read them. */

const UNITS = ["B", "KiB", "MiB", "GiB"];

/** 262144 is "256KiB": the form that flags and keys have. */
export function formatSize(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && value % 1024 === 0 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value}${UNITS[unit]}`;
}

/** Bytes per second as MiB/s; where there are many files, also files per second. */
export function formatRate(bytes: number, files: number, ms: number): string {
  const seconds = ms / 1000;
  return files > 1 ? `${Math.round(files / seconds)} files/s` : `${(bytes / 1024 / 1024 / seconds).toFixed(0)} MiB/s`;
}

/** Rows as columns; the first is aligned to the left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
