/** Stands in for node:crypto: hashes are the real ones, chance is the world's. */
import { program } from "../world.ts";

export { createHash, hash, timingSafeEqual, X509Certificate } from "node:crypto";

export function randomBytes(length: number): Buffer {
  const { world } = program();
  return Buffer.from(Array.from({ length }, () => world.between(0, 255)));
}
