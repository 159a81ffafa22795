/**
 * Memory to read files into, at an address that does not slow the copy down.
 *
 * A large piece of memory begins 16 bytes behind the start of a page, since `malloc` asks the kernel for whole pages and
 * keeps its own notes in front. What is read comes from the start of a page. A copy to an address that is, within its page,
 * a little ahead of where it comes from takes three times as long on some processors: each load looks as if it needed
 * what has just been stored (4K aliasing; for AMD see glibc's bug 30994). 64 bytes ahead is far enough. Why: adr/0065.
 */
const MALLOC_BYTES = 16;
const AHEAD_BYTES = 64;

/** Not zeroed, and not from a pool. @param bytes of the buffer */
export function readBuffer(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(bytes + AHEAD_BYTES - MALLOC_BYTES).subarray(AHEAD_BYTES - MALLOC_BYTES);
}
