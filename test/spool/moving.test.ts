/**
 * All orders of two calls that come while a lease has ended and the record of its file is moving: on its way off the queue, to
 * the dead letters, back to the queue. Commits stop where a test says, before they have changed anything or after that
 * and before anybody is told, and then go well or fail.
 */
import { expect, test } from "vitest";
import type { Delivery } from "../../src/spool/files.ts";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { idOf, inTempFolder, lease, store } from "./subject.ts";

const COMMITS = ["stop and then happen", "stop and then fail", "happen and stop before they are told"] as const;
type Commits = (typeof COMMITS)[number];

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((next) => setImmediate(next));
};

class Case {
  static #count = 0;
  readonly #number = ++Case.#count;
  readonly transfer = idOf(this.#number * 2);
  readonly queue = `queue ${this.#number}`;
  readonly spool: InspectableSpool;
  readonly clock: { nowMs: number };
  /** Every delivery that anybody got, in order. */
  readonly deliveries: Delivery[] = [];
  readonly broken: string[] = [];
  /** The file was said to have left its queue for ever, or to be a dead letter. */
  hasLeft = false;
  readonly #pending: Promise<unknown>[] = [];

  constructor(spool: InspectableSpool, clock: { nowMs: number }) {
    this.spool = spool;
    this.clock = clock;
  }

  /** Nobody waits for it; what it says is noted when it says it. */
  ask<T>(work: T | Promise<T>, then: (result: T) => void = () => {}): void {
    this.#pending.push(Promise.resolve(work).then(then, () => {}));
  }

  lease(): void {
    this.ask(this.spool.lease(this.queue), (delivery) => delivery && this.#got(delivery));
  }

  #got(delivery: Delivery): void {
    const before = this.deliveries.filter(({ transfer }) => transfer === delivery.transfer);
    // To renew changes nothing but a time, and says whether a lease is held.
    for (const { token } of before)
      if (this.spool.renew(token)) this.broken.push(`${token} is held while ${delivery.token} is handed out`);
    if (delivery.transfer === this.transfer && this.hasLeft) this.broken.push("handed out after it had left");
    this.deliveries.push(delivery);
  }

  sweep(): void {
    this.clock.nowMs += 1000;
    this.ask(this.spool.sweep());
  }

  get token(): string {
    return this.deliveries[0]?.token ?? "";
  }

  /** The file, leased; it has failed so often before. A second one waits behind it. */
  async begin(failures: number): Promise<void> {
    await store(this.spool, this.#number * 2, 10, { queue: this.queue });
    await store(this.spool, this.#number * 2 + 1, 10, { queue: this.queue });
    for (let failure = 0; failure < failures; failure++)
      await this.spool.nack((await lease(this.spool, this.queue)).token, "before");
    this.#got(await lease(this.spool, this.queue));
  }

  /** What is there in the end is handed out once, and then nothing of the queue is left anywhere. */
  async end(): Promise<void> {
    await Promise.all(this.#pending);
    const { spool, queue } = this;
    for (const { token } of this.deliveries) spool.release(token);
    const first = this.deliveries.length;
    const waiting = spool.waiting(queue);
    for (let next = await spool.lease(queue); next; next = await spool.lease(queue)) this.#got(next);
    const found = this.deliveries.slice(first);
    const transfers = found.map(({ transfer }) => transfer);
    if (new Set(transfers).size !== transfers.length) this.broken.push(`handed out twice: ${transfers}`);
    if (transfers.length !== waiting) this.broken.push(`${waiting} files wait, and ${transfers.length} came`);
    await Promise.all(found.map(({ token }) => spool.ack(token)));
    await spool.operate.purge(queue, false, () => true);
    const left = {
      ...spool.underWay(),
      removals: 0,
      waiting: spool.waiting(queue),
      inFlight: spool.inFlight(queue, []),
    };
    for (const [what, count] of Object.entries(left)) if (count !== 0) this.broken.push(`${count} ${what} are left`);
  }
}

/** How a lease ends, and how often its file has failed before that. */
const ENDINGS: Record<string, [failures: number, end: (one: Case) => void]> = {
  "is acked": [0, (one) => one.ask(one.spool.ack(one.token), () => left(one))],
  "is refused": [0, (one) => one.ask(one.spool.nack(one.token, "no"), (dead) => dead && left(one))],
  "is refused for the last time": [1, (one) => one.ask(one.spool.nack(one.token, "no"), (dead) => dead && left(one))],
  "runs out": [0, (one) => one.sweep()],
  "runs out for the last time": [1, (one) => one.sweep()],
  "is ended by an operator": [0, (one) => one.ask(one.spool.operate.cancel(one.transfer), () => left(one))],
};

function left(one: Case): void {
  one.hasLeft = true;
}

/** What others do meanwhile. */
const MEANWHILE: Record<string, (one: Case) => void> = {
  nothing: () => {},
  lease: (one) => one.lease(),
  release: (one) => one.spool.release(one.token),
  ack: (one) => one.ask(one.spool.ack(one.token), () => left(one)),
  nack: (one) => one.ask(one.spool.nack(one.token, "late")),
  renew: (one) => void (one.spool.renew(one.token) && one.broken.push("renewed after its end")),
  sweep: (one) => one.sweep(),
  cancel: (one) => one.ask(one.spool.operate.cancel(one.transfer), () => left(one)),
  purge: (one) =>
    one.ask(
      one.spool.operate.purge(one.queue, false, () => true),
      () => left(one),
    ),
};

/** Stops the commits of a spool while `work` runs. */
async function stopped(
  spool: InspectableSpool,
  commits: Commits,
  work: (reached: Promise<void>) => Promise<void>,
): Promise<void> {
  const { options } = spool.index.commits;
  const { batch } = options;
  let [go, reach] = [() => {}, () => {}];
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  Object.assign(options, {
    batch: async (change: () => void) => {
      if (commits === "happen and stop before they are told") await batch(change);
      reach();
      await gone;
      if (commits === "stop and then fail") throw new Error("the disk reports an error");
      if (commits === "stop and then happen") await batch(change);
    },
  });
  try {
    await work(reached);
  } finally {
    go();
    await turns(3);
    Object.assign(options, { batch });
  }
}

test.each(COMMITS.flatMap((commits) => [false, true].map((listens) => [commits, listens] as const)))(
  "a file whose lease has ended is handed out once, whatever comes while commits %s; somebody waits: %s",
  (commits, listens) =>
    inTempFolder(async (folder) => {
      const clock = { nowMs: 1000 };
      const limits = { leaseMs: 1000, failuresMax: 2 };
      const spool = await InspectableSpool.open({ folder, durability: "none", limits, now: () => clock.nowMs });
      const broken: string[] = [];
      for (const [ending, [failures, end]] of Object.entries(ENDINGS))
        for (const [first, doFirst] of Object.entries(MEANWHILE))
          for (const [second, doSecond] of Object.entries(MEANWHILE)) {
            const one = new Case(spool, clock);
            await one.begin(failures);
            const stop = listens ? spool.onArrival(one.queue, () => one.lease()) : () => {};
            await stopped(spool, commits, async (reached) => {
              end(one);
              await reached;
              doFirst(one);
              await turns(1);
              doSecond(one);
              one.lease();
              await turns(1);
            });
            stop();
            one.lease(); // in the same turn in which the commit may have been told
            await one.end();
            broken.push(...one.broken.map((what) => `${ending}; ${first}, ${second}: ${what}`));
          }
      expect(broken).toEqual([]);
      await spool.close();
    }),
);
