/**
 * Files for the end-to-end tests: content in which every page differs, so that a byte in a wrong place is noticed.
 */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const KiB = 1024;
export const MiB = 1024 * KiB;

const PAGE = 4 * KiB;

/** A generator of numbers from 0 to 1 (xorshift32), the same on every machine for the same seed. */
export function random(seed: number): () => number {
  // Seeds that follow each other would begin with numbers that do so, too.
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Pseudo-random bytes. */
export function noise(bytes: number, seed: number): Buffer {
  const next = random(seed);
  const content = Buffer.allocUnsafe(bytes);
  for (let i = 0; i < bytes; i++) content[i] = next() * 256;
  return content;
}

/** Writes a large file: one block of noise repeated, each page of it stamped with its number. Returns the path. */
export function writeBig(path: string, bytes: number, seed = 1): string {
  const block = noise(MiB, seed);
  const fd = openSync(path, "w");
  for (let at = 0; at < bytes; at += MiB) {
    for (let page = 0; page < MiB; page += PAGE) block.writeUInt32BE((at + page) / PAGE, page);
    writeSync(fd, block, 0, Math.min(MiB, bytes - at));
  }
  closeSync(fd);
  return path;
}

/** Writes a small file and returns its path. */
export function writeSmall(path: string, content: string | Uint8Array): string {
  writeFileSync(path, content);
  return path;
}

/** True when two files hold the same bytes; reads piece by piece, with code that shares nothing with the transfer. */
export function isSame(one: string, other: string): boolean {
  const [a, b] = [openSync(one, "r"), openSync(other, "r")];
  const [pieceA, pieceB] = [Buffer.allocUnsafe(4 * MiB), Buffer.allocUnsafe(4 * MiB)];
  try {
    for (let at = 0; ; ) {
      const [bytesA, bytesB] = [readSync(a, pieceA, 0, 4 * MiB, at), readSync(b, pieceB, 0, 4 * MiB, at)];
      if (bytesA !== bytesB || pieceA.compare(pieceB, 0, bytesB, 0, bytesA) !== 0) return false;
      if (bytesA === 0) return true;
      at += bytesA;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

/** Names in a folder, sorted; hidden ones, which would be leftovers, included. */
export const namesIn = (folder: string): string[] => readdirSync(folder).sort();

/** Content of all files in a folder by name, as text. */
export const textsIn = (folder: string): Record<string, string> =>
  Object.fromEntries(namesIn(folder).map((name) => [name, readFileSync(`${folder}/${name}`, "utf8")]));

/** A temporary folder for what the tests of one file share; the file removes it in `afterAll`. */
export function scratch(): { path(name: string): string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "filespool-e2e-"));
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
