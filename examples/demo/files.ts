/**
 * The files of the demo: made on the spot from a seed, so that every run sends the same bytes.
 *
 * Each of them broke the small program that this project descends from, or breaks others of its kind: a file
 * of no bytes, text whose letters are cut by a read, bytes that are no text at all, a name that needs quoting.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

export interface DemoFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** SHA-256 of the content, computed here, by other code than the transfer's. */
  readonly sha256: string;
  /** Why this file is among them. */
  readonly why: string;
}

export const SEED = 5011;
export const BIG_BYTES = 48 * 1024 * 1024;

const TEXT = "Grüße aus Łódź, приветствие, 你好, مرحبا, 🧵 naïve café.\n".repeat(40);

/** Marsaglia's xorshift32: four lines that are the same on every machine, unlike `Math.random`. */
function randomWords(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Blocks of pseudo-random bytes, `size` bytes together. */
function* randomBlocks(size: number): Generator<Uint8Array> {
  const next = randomWords(SEED);
  for (let left = size; left > 0; ) {
    const words = new Uint32Array(64 * 1024);
    for (let i = 0; i < words.length; i++) words[i] = next();
    const block = new Uint8Array(words.buffer).subarray(0, left);
    left -= block.length;
    yield block;
  }
}

/** Writes the four files into a folder. */
export async function makeFiles(folder: string): Promise<DemoFile[]> {
  const text = new TextEncoder();
  return [
    await write(folder, "empty.bin", [], "no byte at all"),
    await write(folder, "greetings.txt", [text.encode(TEXT)], "letters cut anywhere by TCP"),
    await write(folder, "holiday.raw", randomBlocks(BIG_BYTES), "the server dies in its middle"),
    await write(
      folder,
      "naïve  “quotes” & spaces – (1).txt",
      [text.encode("The name is the test.\n")],
      "a name to trip over",
    ),
  ];
}

async function write(folder: string, name: string, blocks: Iterable<Uint8Array>, why: string): Promise<DemoFile> {
  const path = join(folder, name);
  const hash = createHash("sha256");
  const file = await open(path, "w");
  let size = 0;
  for (const block of blocks) {
    hash.update(block);
    await file.writeFile(block);
    size += block.length;
  }
  await file.close();
  return { name, path, size, sha256: hash.digest("hex"), why };
}

/** SHA-256 of a file as it is on disk now. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const block of createReadStream(path)) hash.update(block as Uint8Array);
  return hash.digest("hex");
}
