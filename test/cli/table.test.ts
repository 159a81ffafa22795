import fc from "fast-check";
import { expect, test } from "vitest";
import { cells } from "../../src/cli/report/escape.ts";
import { type Column, tableLines } from "../../src/cli/report/table.ts";

const COLUMNS: readonly Column[] = [
  { title: "STATE" },
  { title: "SIZE", align: "right" },
  { title: "NAME", mayCut: true },
];
const ROWS = [
  ["waiting", "1.00 KiB", "a.txt"],
  ["dead", "12 B", "文件文件文件文件文件文件文件.bin"],
];

test("columns line up, by cells and not by letters, and numbers at their ends", () => {
  expect(tableLines(COLUMNS, ROWS, null)).toEqual([
    "STATE        SIZE  NAME",
    "waiting  1.00 KiB  a.txt",
    "dead         12 B  文件文件文件文件文件文件文件.bin",
  ]);
  expect(tableLines(COLUMNS, ROWS, null, false)).toHaveLength(2);
});

test("on a narrow terminal a name is cut in its middle, and what cannot be cut becomes lines of its own", () => {
  expect(tableLines(COLUMNS, ROWS, 40)[2]).toBe("dead         12 B  文件文件文件…文件.bin");
  expect(tableLines(COLUMNS, ROWS, 20).slice(0, 4)).toEqual(["state  waiting", "size   1.00 KiB", "name   a.txt", ""]);
});

test("no line of a table is wider than the terminal, whatever is in it", () => {
  const cell = fc.string({ unit: fc.constantFrom("a", "文", "é", " ", "🙂"), maxLength: 60 });
  const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 120 }), (some, columns) => {
      const lines = tableLines(COLUMNS, some, columns);
      const isTable = lines.length === some.length + 1 && lines[0]?.startsWith("STATE");
      if (isTable) for (const line of lines) expect(cells(line)).toBeLessThanOrEqual(columns);
    }),
  );
});
