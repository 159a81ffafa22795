/**
 * Files as a spool knows them: what is offered, what is stored, handed out and given up. Words only, for the contract, for
 * both spools and for whoever looks after them.
 */

/** What surviving means: a power cut, only the death of the process, or nothing at all. */
export type Durability = "fsync" | "none" | "memory";

/**
 * A file as its sender announces it. `size` in bytes, Infinity while nobody knows it (adr/0040); `algorithm` names the
 * digest, "blake3" or "sha256"; what `kind`, `mode` and `mtime` mean is between sender and receiver.
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

/** A file in a queue. Its size is known. `digest` is 64 hexadecimal digits and was verified. */
export interface StoredFile extends Offer {
  readonly digest: string;
}

/** One attempt to hand a file out. `token` is its fencing token; `attempt` counts failures before it, plus one. */
export interface Delivery extends StoredFile {
  readonly token: string;
  readonly attempt: number;
  /** All of it, where a spool has it in memory anyway; else it is read. Whoever has sent it drops it, and it can be read again. */
  content?: Uint8Array | undefined;
}

export interface DeadLetter extends StoredFile {
  readonly failures: number;
  readonly reason: string;
  readonly firstFailedAtMs: number;
  readonly lastFailedAtMs: number;
}

/** How a transfer left its queue for ever. */
export type Ending = "collected" | "expired" | "cancelled";
