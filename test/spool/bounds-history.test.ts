/** Whatever is asked of a spool at once, and whichever commits fail: its bounds hold at every moment, and all has an end. */
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { Upload } from "../../src/spool/contract.ts";
import type { Delivery } from "../../src/spool/files.ts";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { type Failures, failingCommits } from "./failing-commits.ts";
import { contentOf, digestOf, idOf, inTempFolder, nobody, offerOf } from "./subject.ts";

vi.setConfig({ testTimeout: 120_000 });

const QUEUES = ["a", "b", "c", "d"];
/** In the index, around its threshold, in a file; a stream says its size at its end. */
const SIZES = [0, 100, 1000, 1001, 4000, Infinity];
const INLINE_MAX = 1000;
const LIMITS = { spoolBytesMax: 9000, queueFilesMax: 3, queuesMax: 3, uploadsMax: 5, failuresMax: 2, fileTtlMs: 50 };

const STEPS = {
  offer: 8,
  append: 6,
  finish: 8,
  suspend: 1,
  cancel: 1,
  lease: 6,
  ack: 4,
  nack: 3,
  release: 2,
  listen: 1,
  sweep: 2,
  "operator cancels": 1,
  "operator requeues": 1,
  "commits fail": 3,
  wait: 4,
} as const;
type Step = keyof typeof STEPS;
const step = fc.record({
  what: fc.oneof(...Object.entries(STEPS).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name as Step) }))),
  number: fc.nat(1000),
});

const RUNS = fc.readConfigureGlobal().numRuns ?? 100;

interface Uploading {
  readonly upload: Upload;
  readonly size: number;
  readonly number: number;
  taken: number;
}

class History {
  readonly spool: InspectableSpool;
  readonly #failures: Failures;
  readonly #clock: { nowMs: number };
  readonly #uploads: Uploading[] = [];
  readonly #deliveries: Delivery[] = [];
  /** What was asked for and is not answered. */
  readonly pending = new Set<Promise<unknown>>();
  readonly ran = new Map<string, number>();
  #offers = 0;

  constructor(spool: InspectableSpool, clock: { nowMs: number }) {
    this.spool = spool;
    this.#clock = clock;
    this.#failures = failingCommits(spool);
  }

  /** Nobody waits for it; that it may fail is the point. */
  #ask<T>(work: Promise<T> | T, then: (result: T) => void = () => {}): void {
    const asked = Promise.resolve(work).then(then, () => {});
    this.pending.add(asked);
    void asked.then(() => this.pending.delete(asked));
  }

  #take<T>(from: T[], number: number): T | undefined {
    return from.splice(number % Math.max(1, from.length), 1)[0];
  }

  async take({ what, number }: { what: Step; number: number }): Promise<void> {
    const { spool } = this;
    const one = this.#uploads[number % Math.max(1, this.#uploads.length)];
    this.ran.set(what, (this.ran.get(what) ?? 0) + 1);
    switch (what) {
      case "offer": {
        const size = SIZES[number % SIZES.length] as number;
        const queue = QUEUES[number % QUEUES.length] as string;
        // Some of them twice, so that a newer offer takes over.
        const id = number % 5 === 0 ? this.#offers : ++this.#offers;
        this.#ask(spool.offer(offerOf(id, size, { queue }), nobody), (answer) => {
          if (answer.kind === "upload")
            this.#uploads.push({ upload: answer.upload, size, number: id, taken: answer.upload.offset });
        });
        return;
      }
      case "append": {
        if (!one) return;
        const size = one.size === Infinity ? 3000 : one.size;
        const to = Math.min(size, one.taken + 700);
        const piece = contentOf(size, one.number).subarray(one.taken, to);
        try {
          this.#ask(one.upload.append(one.taken, [piece]));
          one.taken = to;
        } catch {} // superseded, or no room
        return;
      }
      case "finish": {
        const done = this.#take(this.#uploads, number);
        if (!done) return;
        const size = done.size === Infinity ? done.taken : done.size;
        if (done.size !== Infinity && done.taken < size)
          try {
            this.#ask(done.upload.append(done.taken, [contentOf(size, done.number).subarray(done.taken)]));
          } catch {}
        const digest = digestOf(contentOf(done.size === Infinity ? 3000 : size, done.number).subarray(0, size));
        this.#ask(done.upload.finish(digest, size));
        return;
      }
      case "suspend":
      case "cancel":
        this.#ask(this.#take(this.#uploads, number)?.upload[what]());
        return;
      case "lease":
        this.#ask(spool.lease(QUEUES[number % QUEUES.length] as string), (delivery) => {
          if (delivery) this.#deliveries.push(delivery);
        });
        return;
      case "ack":
        this.#ask(spool.ack(this.#take(this.#deliveries, number)?.token ?? ""));
        return;
      case "nack":
        this.#ask(spool.nack(this.#take(this.#deliveries, number)?.token ?? "", "no"));
        return;
      case "release":
        spool.release(this.#take(this.#deliveries, number)?.token ?? "");
        return;
      case "listen":
        spool.onArrival(`nobody ${number}`, () => {})();
        return;
      case "sweep":
        this.#clock.nowMs += number % 30;
        this.#ask(spool.sweep());
        return;
      case "operator cancels":
        this.#ask(spool.operate.cancel(idOf(number % Math.max(1, this.#offers))));
        return;
      case "operator requeues":
        this.#ask(spool.operate.requeueAll(QUEUES[number % QUEUES.length] as string, () => true));
        return;
      case "commits fail":
        this.#failures.isOn = !this.#failures.isOn;
        this.#failures.reason = new Promise((tell) => setImmediate(tell));
        return;
      case "wait":
        for (let turn = 0; turn < number % 8; turn++) await new Promise((next) => setImmediate(next));
    }
  }

  /** What must be true at any moment. */
  check(): void {
    const { spool } = this;
    const { totals } = spool.index;
    expect(spool.bytesUsed()).toBeLessThanOrEqual(LIMITS.spoolBytesMax);
    expect(spool.operate.unfinishedUploads).toBeLessThanOrEqual(LIMITS.uploadsMax);
    for (const queue of QUEUES)
      expect(totals.occupied(queue) + totals.unfinished(queue), queue).toBeLessThanOrEqual(LIMITS.queueFilesMax);
    expect(totals.queues).toBe(QUEUES.filter((queue) => totals.has(queue)).length);
    expect(totals.queues).toBeLessThanOrEqual(LIMITS.queuesMax);
  }

  /** Ends everything in good order. */
  async end(): Promise<void> {
    const { spool } = this;
    this.#failures.isOn = false;
    while (this.pending.size > 0) await Promise.all(this.pending);
    for (const { upload } of this.#uploads) await upload.suspend().catch(() => {});
    for (const { token } of this.#deliveries) spool.release(token);
    for (const { offer } of [...spool.parts.room.slots.values()]) await spool.operate.cancel(offer.transfer);
    for (const queue of QUEUES) await spool.operate.purge(queue, false, () => true);
    await spool.sweep();
    // Content is removed in the background, as fast as the disk is.
    for (let wait = 0; spool.underWay().removals !== 0 && wait < 10_000; wait++)
      await new Promise((next) => setTimeout(next, 1));
  }
}

test("no bound is exceeded by what is asked at once while commits fail; when everything has come to its end, nothing of it is left in memory", async () => {
  const ran = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120, size: "max" }), (steps) =>
      inTempFolder(async (folder) => {
        const clock = { nowMs: 1000 };
        const options = { folder, durability: "none", inlineBytesMax: INLINE_MAX, bufferBytes: 500 } as const;
        const spool = await InspectableSpool.open({ ...options, limits: LIMITS, now: () => clock.nowMs });
        const history = new History(spool, clock);
        try {
          for (const each of steps) {
            await history.take(each);
            history.check();
            await undefined;
            history.check();
          }
          await history.end();
          history.check();
          expect(Object.entries(spool.underWay()).filter(([, count]) => count !== 0)).toEqual([]);
          expect([spool.bytesUsed(), spool.index.totals.queues]).toEqual([0, 0]);
          expect(spool.index.ages.due(Infinity, null, 10)).toEqual([]);
          expect(spool.index.totals.rows(null, 10)).toEqual([]);
        } finally {
          await spool.close();
        }
        for (const [what, times] of history.ran) ran.set(what, (ran.get(what) ?? 0) + times);
      }),
    ),
    { numRuns: Math.ceil(RUNS * 0.4) },
  );
  // What never happened was not tried.
  if (RUNS >= 50) expect([...ran.keys()].sort()).toEqual(Object.keys(STEPS).sort());
});
