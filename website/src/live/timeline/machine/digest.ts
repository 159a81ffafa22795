/** src/disk/digest.ts for the page, where no native code is: SHA-256 only, so that is what both ends agree on. */
import { sha256 } from "@noble/hashes/sha2.js";
import { FilespoolError } from "../../../../../src/protocol/errors.ts";
import { toHex } from "../../shared/bytes.ts";

export const DIGESTS: readonly string[] = ["sha256"];

export function checkDigest(algorithm: string): void {
  if (!DIGESTS.includes(algorithm)) throw new FilespoolError("digest-unsupported");
}

export interface Digest {
  update(bytes: Uint8Array): void;
  hex(): string;
}

export function createDigest(algorithm: string): Digest {
  checkDigest(algorithm);
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => toHex(hash.digest()) };
}

export const digestOf = (_algorithm: string, bytes: Uint8Array): string => toHex(sha256(bytes));

interface Readable {
  read(into: Uint8Array, at: number, length: number, from: number): Promise<{ readonly bytesRead: number }>;
}

/** What is on the disk already counts, too. */
export async function digestPrefix(digest: Digest, handle: Readable, bytes: number): Promise<void> {
  const piece = new Uint8Array(bytes);
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await handle.read(piece, 0, bytes - at, at);
    if (bytesRead === 0) throw new FilespoolError("spool-unusable");
    digest.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
}
