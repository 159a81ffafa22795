/**
 * A spool that tells how long its slow calls took, around any spool: an extension, for metrics.
 *
 * The data path is not touched. Whoever wants no timings hands the server the spool itself, and pays nothing; with
 * them, one promise is added per file, none per chunk. Everything but the two calls that are timed is the spool's own
 * function, so what the contract gains later is passed on without a line here.
 *
 *   upload   from the offer, or the continued offer, to the answer of `finish`
 *   store    `finish` alone: the rest of the content written, verified, synced, and the index committed
 *   ack      taking a file off its queue: a change of the index and nothing else, so one group commit
 *
 * Invariant: what a caller sees, values as well as errors, is what the spool gave. Only what succeeded is timed.
 */
import type { Spool, Upload, UploadWatcher } from "../../../spool/contract.ts";
import type { Offer } from "../../../spool/files.ts";

/** What is timed, by the names of its histograms (metrics.ts). */
export type Timing = "upload" | "store" | "ack";

export interface TimedSpoolOptions {
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
  readonly onTiming: (what: Timing, ms: number) => void;
}

/** @returns a spool that is the same in all else; closing it closes `spool` */
export function timedSpool<S extends Spool>(spool: S, { now, onTiming }: TimedSpoolOptions): S {
  /** The upload itself with another `finish`: its other calls are the hot ones, and go straight to it. */
  const timed = (upload: Upload, offeredAtMs: number): Upload => {
    const finish = upload.finish.bind(upload);
    return Object.defineProperty(upload, "finish", {
      value: async (...proof: Parameters<Upload["finish"]>) => {
        const askedAtMs = now();
        await finish(...proof);
        const storedAtMs = now();
        onTiming("store", storedAtMs - askedAtMs);
        onTiming("upload", storedAtMs - offeredAtMs);
      },
    });
  };

  // Errors pass as they are, and are not timed: how long a refusal took says nothing about the disk.
  const own: Partial<Spool> = {
    async offer(offer: Offer, watcher: UploadWatcher) {
      const offeredAtMs = now();
      const answer = await spool.offer(offer, watcher);
      return answer.kind === "upload" ? { ...answer, upload: timed(answer.upload, offeredAtMs) } : answer;
    },
    async ack(token: string) {
      const askedAtMs = now();
      await spool.ack(token);
      onTiming("ack", now() - askedAtMs);
    },
  };

  // A function is bound once and kept: private fields are found on the spool itself only, and `read` is called often.
  const bound = new Map<PropertyKey, unknown>();
  return new Proxy(spool, {
    get(target, key) {
      const kept = own[key as keyof Spool] ?? bound.get(key);
      if (kept !== undefined) return kept;
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const method: unknown = value.bind(target);
      bound.set(key, method);
      return method;
    },
  });
}
