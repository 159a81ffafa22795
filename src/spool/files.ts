/**
 * Files as a spool knows them: offered, stored, handed out, given up. Types only, for the contract
 * of the spool, for both implementations, and for operators.
 *
 *   Offer  --verified-->  StoredFile  --leased-->  Delivery
 *                                     --failed too often, or expired-->  DeadLetter
 */

/**
 * What a stored file survives: "fsync" a power cut, "none" the death of the process but no power
 * cut, "memory" neither.
 */
export type Durability = "fsync" | "none" | "memory";

/**
 * A file as its sender announces it. `size` is in bytes, and Infinity while nobody knows it
 * (adr/0040). `algorithm` names the digest, "blake3" or "sha256". What `kind`, `mode` and `mtime`
 * mean is between sender and receiver: a spool stores them and does not look.
 */
export interface Offer {
  readonly transfer: string;
  readonly queue: string;
  readonly name: string;
  readonly size: number;
  readonly algorithm: string;
  readonly kind?: string | undefined;
  readonly mode?: number | undefined;
  readonly mtime?: string | undefined;
}

/**
 * A file in a queue. Its size is known. `digest` is 64 hexadecimal digits, and the content was
 * verified by it.
 */
export interface StoredFile extends Offer {
  readonly digest: string;
}

/**
 * One attempt to hand a file to a receiver. `token` is its fencing token: it names this delivery
 * and no other of the same file. `attempt` is 1 plus the failures before it.
 */
export interface Delivery extends StoredFile {
  readonly token: string;
  readonly attempt: number;
  /**
   * All of the content, where the spool has it in memory anyway; else it has to be read. The
   * session that has sent it sets this to undefined, to free the memory: `read` gives the content
   * at any time.
   */
  content?: Uint8Array | undefined;
}

/**
 * A file that was given up: it failed too often, or nobody collected it in time. Times are ms
 * since the epoch.
 */
export interface DeadLetter extends StoredFile {
  readonly failures: number;
  readonly reason: string;
  readonly firstFailedAtMs: number;
  readonly lastFailedAtMs: number;
}

/** How a transfer left its queue for ever. */
export type Ending = "collected" | "expired" | "cancelled";
