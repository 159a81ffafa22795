import { expect, test } from "vitest";
import { readBuffer } from "../../src/disk/read-buffer.ts";

test("begins behind what malloc puts in front, and is as long as was asked for", () => {
  for (const bytes of [1, 4096, 1024 * 1024]) {
    const buffer = readBuffer(bytes);
    expect(buffer.length).toBe(bytes);
    // 16 bytes of malloc and these 48 make 64. Memory of its own, so that nothing else moves where it begins.
    expect(buffer.byteOffset).toBe(48);
    expect(buffer.buffer.byteLength).toBe(bytes + 48);
  }
  expect(readBuffer(10).buffer).not.toBe(readBuffer(10).buffer);
});
