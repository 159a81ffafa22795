/**
 * CRC-32 (ISO 3309, as in PNG, zip and `zlib.crc32`): finds bytes that changed on the way.
 *
 * TCP has a checksum of its own, and it is weak. Its 16 bits let about one damaged segment in
 * 65,536 pass, and it cannot see what a proxy or a faulty memory module does (Stone and Partridge,
 * SIGCOMM 2000). A CRC for each frame tells the reader which frame is bad, at a moment when the
 * sender can still send it again cheaply. The digest of the whole file shows in the end that the
 * file is right. CRC-32 finds every single burst of up to 32 damaged bits. It is no defence against
 * an attacker, who can compute it as well.
 *
 * This version looks bytes up in a table and runs anywhere, also in a browser. Native code that
 * multiplies in wide registers is about twenty times faster; disk/digest.ts hands that to the
 * decoder instead. Both agree on test/vectors/crc32.json.
 */

/**
 * Continues a checksum over more bytes.
 *
 * The checksum of a payload that arrives in pieces is the checksum of its last piece, seeded with
 * that of the pieces before.
 * @param seed the checksum so far; 0 at the start
 * @returns the checksum with `bytes` in it, an unsigned number of 32 bits
 */
export type Checksum = (bytes: Uint8Array, seed: number) => number;

/** What each value of one byte does to a checksum: the polynomial 0xEDB88320, lowest bit first. */
const TABLE = new Uint32Array(256).map((_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

export const crc32: Checksum = (bytes, seed) => crc32Of(bytes, 0, bytes.length, seed);

/**
 * The checksum of the bytes from index `from` up to, and without, index `to`.
 *
 * A header is only 20 bytes long. For so few, this loop is faster than a call of native code, and
 * it needs no slice of the array.
 */
export function crc32Of(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let sum = ~seed;
  for (let at = from; at < to; at++) sum = (TABLE[(sum ^ (bytes[at] as number)) & 0xff] as number) ^ (sum >>> 8);
  return ~sum >>> 0;
}
