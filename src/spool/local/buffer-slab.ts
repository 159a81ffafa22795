/**
 * Room for small content until it is in the index. Many share a slab, because an array for each costs more than copying
 * into it. The idea is Node's own pool for small buffers, with larger pieces.
 *
 * Nothing is given back: the collector takes a slab once no upload refers to it, and that is when its last file has
 * been committed. So what waits for the disk bounds the memory, and that is bounded by the windows of the senders.
 */
const SLAB_BYTES = 64 * 1024;

export class BufferSlab {
  #slab = Buffer.alloc(0);
  #used = 0;

  /** So many bytes that nobody else has; what they hold is undefined. */
  take(bytes: number): Uint8Array {
    if (this.#used + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      this.#used = 0;
    }
    this.#used += bytes;
    return this.#slab.subarray(this.#used - bytes, this.#used);
  }
}
