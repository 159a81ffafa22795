import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BatchWriter, WriteBacklog } from "../../src/disk/batch-writer.ts";
import { firstRun, HOLE_BYTES, isZero } from "../../src/disk/holes.ts";

/** Parts of any length that are zero, or are not in one place. */
const anyPart = fc
  .tuple(fc.constantFrom(0, 1, 100, HOLE_BYTES / 2, HOLE_BYTES, HOLE_BYTES + 1, 3 * HOLE_BYTES), fc.nat(), fc.boolean())
  .map(([length, place, isData]) => {
    const part = Buffer.alloc(length);
    if (isData && length > 0) part[place % length] = 1;
    return part;
  });

test("a part is zero when each of its bytes is", () => {
  fc.assert(fc.property(anyPart, (part) => isZero(part) === !part.includes(1)));
});

test("runs bring every byte in its order, holes are zero and long, and of what is written no long run of parts is", () => {
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 12 }), (parts) => {
      const all: Uint8Array[] = [];
      for (let rest: readonly Uint8Array[] = parts; rest.length > 0; ) {
        const run = firstRun(rest);
        expect(run.parts.length).toBeGreaterThan(0);
        expect(run.bytes).toBe(run.parts.reduce((sum, { length }) => sum + length, 0));
        if (run.isHole) expect([run.bytes >= HOLE_BYTES, run.parts.every(isZero)]).toEqual([true, true]);
        else expect(longestZeros(run.parts)).toBeLessThan(HOLE_BYTES);
        all.push(...run.parts);
        rest = rest.slice(run.parts.length);
      }
      expect(all.length === parts.length && all.every((part, index) => part === parts[index])).toBe(true);
    }),
  );
});

function longestZeros(parts: readonly Uint8Array[]): number {
  let longest = 0;
  let bytes = 0;
  for (const part of parts) {
    bytes = isZero(part) ? bytes + part.length : 0;
    longest = Math.max(longest, bytes);
  }
  return longest;
}

test("a writer leaves long runs of zeros as holes, at the end as well, and the file reads as what was appended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "filespool-holes-"));
  const path = join(folder, "file");
  const handle = await open(path, "w");
  const synced: number[] = [];
  const onSynced = (at: number) => void synced.push(at);
  const writer = new BatchWriter(handle, 0, {
    backlog: new WriteBacklog(),
    batchBytes: 256 * 1024,
    sync: true,
    onSynced,
  });
  const zeros = Buffer.alloc(HOLE_BYTES);
  const parts = [Buffer.from("begin"), ...Array(200).fill(zeros), Buffer.from("middle"), ...Array(100).fill(zeros)];
  for (const part of parts) await writer.append([part]);
  await writer.sync();
  await handle.close();
  const content = Buffer.concat(parts);
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(synced.at(-1)).toBe(content.length);
  expect(statSync(path).blocks * 512).toBeLessThan(1024 * 1024);
  rmSync(folder, { recursive: true });
});
