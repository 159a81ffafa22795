/** The files that are sent, and whether what arrived is what was sent. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "../support/process-files.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Nothing, inside the index, around the threshold, in one frame, in several, and long enough to be synced on the way. */
const SIZES = [
  0,
  1,
  300,
  4 * KiB,
  40 * KiB,
  64 * KiB,
  64 * KiB + 1,
  300 * KiB,
  2 * MiB,
  700,
  20 * MiB,
  5,
  100 * KiB,
  0,
];

export interface Sent {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly digest: string;
}

const digestOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Writes the files once; every round sends the same. The names sort as the files are sent. */
export function writeFiles(folder: string, seed: number): Sent[] {
  mkdirSync(folder, { recursive: true });
  return SIZES.map((size, number) => {
    const name = `${String(number).padStart(2, "0")} of ${size} bytes`;
    const path = join(folder, name);
    // A block of noise, repeated and numbered: no two pieces are the same, and making it is quick.
    const block = noise(Math.min(size, 256 * KiB), seed + number);
    const content = Buffer.alloc(size, block);
    for (let at = 0; at + 4 <= size; at += 4096) content.writeUInt32BE(at, at);
    writeFileSync(path, content);
    return { name, path, size, digest: digestOf(path) };
  });
}

/** Names in a target folder that a user sees, and those of ours that should be gone in the end. */
export function namesIn(folder: string): { landed: string[]; ours: string[] } {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return {
    landed: names.filter((name) => !name.startsWith(".filespool")),
    ours: names.filter((name) => name.startsWith(".filespool")),
  };
}

/** What is wrong with the visible files of a folder: each must be whole from the moment it has its name. */
export function damaged(folder: string, sent: readonly Sent[], checked: Set<string>): string[] {
  const wrong: string[] = [];
  for (const name of namesIn(folder).landed) {
    const path = join(folder, name);
    if (checked.has(path)) continue;
    const original = sent.find((file) => file.name === name.replace(/ \(\d+\)$/, ""));
    if (original?.digest === digestOf(path)) checked.add(path);
    else wrong.push(path);
  }
  return wrong;
}
