/** Content for files: looks random, is the same for the same seed, and costs next to nothing to make. */
import { createCipheriv, createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** `size` bytes of the key stream that belongs to `seed`. */
export function content(size: number, seed = 1): Buffer {
  const key = Buffer.alloc(16);
  key.writeDoubleBE(seed);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** SHA-256 of a file, without holding it in memory. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Buffer);
  return hash.digest("hex");
}
