/**
 * A spool that reports how long its slow calls took, around any spool: an extension, for metrics.
 *
 * The data path is not touched. A server without timings gets the spool itself, and pays nothing.
 * With them, one promise is added for each file, none for each chunk. Everything but the two timed
 * calls is the spool's own function, so what the contract gains later is passed on without a line
 * here.
 *
 *   upload   from the offer, or the continued offer, to the answer of `finish`
 *   store    `finish` alone: the rest of the content written, verified, synced, the index committed
 *   ack      taking a file off its queue: a change of the index and nothing else, one group commit
 *
 * Invariant: a caller gets what the spool gave, values as well as errors. Only successes are timed.
 */
import type { Spool, Upload, UploadWatcher } from "../../../spool/contract.ts";
import type { Offer } from "../../../spool/files.ts";

/** What is timed, by the names of the histograms (metrics.ts). */
export type Timing = "upload" | "store" | "ack";

export interface TimedSpoolOptions {
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
  readonly onTiming: (what: Timing, ms: number) => void;
}

/**
 * Puts timings around a spool.
 * @returns a spool that is the same in all else; closing it closes `spool`
 */
export function timedSpool<S extends Spool>(spool: S, { now, onTiming }: TimedSpoolOptions): S {
  /** The upload itself, with another `finish`. Its other, frequent calls stay untouched. */
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

  // Errors pass untimed: how long a refusal took says nothing about the disk.
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

  // A function is bound once and kept: only the spool itself has its private fields, and `read` is
  // called often.
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
