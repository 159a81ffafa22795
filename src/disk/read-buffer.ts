/**
 * Memory to read files into, at an address that does not slow the copy down.
 *
 * `malloc` asks the kernel for whole pages and keeps its notes in the first 16 bytes, so a large
 * piece of memory begins 16 bytes behind the start of a page. The kernel copies a file from the
 * start of a page. On some processors a copy takes three times as long if its target lies, within
 * its page, a little ahead of its source: each load looks as if it needed what has just been stored
 * (4K aliasing; for AMD see bug 30994 of glibc). 64 bytes ahead is far enough. Why: adr/0065.
 */
const MALLOC_BYTES = 16;
const AHEAD_BYTES = 64;

/** A buffer of so many bytes. They hold anything, and no pool has them. */
export function readBuffer(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(bytes + AHEAD_BYTES - MALLOC_BYTES).subarray(AHEAD_BYTES - MALLOC_BYTES);
}
