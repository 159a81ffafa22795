/** SHA-256 for the page, where Node's is not there. The protocol and the spool take whatever digest they are given. */
import { sha256 } from "@noble/hashes/sha2.js";
import type { Digest } from "../../../../src/disk/digest.ts";
import { toHex } from "../shared/bytes.ts";

export function pageDigest(): Digest {
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => toHex(hash.digest()) };
}
