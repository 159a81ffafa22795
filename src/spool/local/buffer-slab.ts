/**
 * A buffer slab: memory for many small contents, taken in one piece and given out slice by slice.
 *
 * To allocate an array for each small file would cost more than to copy its content. The idea is
 * that of Node's own pool for small buffers, with larger pieces.
 *
 * Nothing is given back. The collector takes a slab when nothing refers to any slice of it: for
 * uploads, when the last file in it has been committed. So the memory is bounded by what waits for
 * the disk, and that is bounded by the windows of the senders.
 */
const SLAB_BYTES = 64 * 1024;

export class BufferSlab {
  /** The slab that is being given out, and how many of its bytes are gone. */
  #slab = Buffer.alloc(0);
  #used = 0;

  /**
   * So many bytes that nobody else has. They hold anything, so the caller has to overwrite
   * all of them.
   */
  take(bytes: number): Uint8Array {
    if (this.#used + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      this.#used = 0;
    }
    this.#used += bytes;
    return this.#slab.subarray(this.#used - bytes, this.#used);
  }
}
