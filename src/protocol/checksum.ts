/**
 * CRC-32 (ISO 3309, as in PNG, zip and `zlib.crc32`): finds the bytes that changed on the way.
 *
 * TCP's own 16-bit sum lets through about one damaged segment in 65,536, and proxies and memory damage
 * bytes where TCP cannot see it (Stone and Partridge, SIGCOMM 2000). A CRC per frame tells us *which*
 * frame is bad while it can still be sent again cheaply; that the whole file is right is shown by its
 * digest. CRC-32 detects every single burst of up to 32 bits; it is no defence against an attacker.
 *
 * This table version runs anywhere, also in a browser. Native code that multiplies in wide registers is some
 * twenty times faster; disk/digest.ts hands that to the decoder instead. They agree on test/vectors/crc32.json.
 */

/** Continues a checksum over `bytes`; `seed` is the checksum so far, 0 at the start. Result: unsigned 32 bits. */
export type Checksum = (bytes: Uint8Array, seed: number) => number;

const TABLE = new Uint32Array(256).map((_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

export const crc32: Checksum = (bytes, seed) => crc32Of(bytes, 0, bytes.length, seed);

/** The checksum of the bytes from `from` up to `to`. For the few of a header it beats a call of native code. */
export function crc32Of(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let sum = ~seed;
  for (let at = from; at < to; at++) sum = (TABLE[(sum ^ (bytes[at] as number)) & 0xff] as number) ^ (sum >>> 8);
  return ~sum >>> 0;
}
