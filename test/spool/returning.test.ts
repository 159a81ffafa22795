/** Between two holders: while a failed delivery is being written down, nobody knows yet whether its file comes again. */
import { expect, test } from "vitest";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { failingCommits } from "./failing-commits.ts";
import { drain, failure, idOf, inTempFolder, lease, store } from "./subject.ts";

/** A spool in which failures are written down when a test lets them. */
async function slowVerdicts(folder: string, limits: { failuresMax?: number; leaseMs?: number }) {
  const clock = { nowMs: 0 };
  const spool = await InspectableSpool.open({ folder, limits, now: () => clock.nowMs });
  let go = () => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  let hear = () => {};
  const asked = new Promise<void>((resolve) => {
    hear = resolve;
  });
  const { update, move, collect } = spool.index;
  const slowly = <T>(work: () => Promise<T>): Promise<T> => {
    hear();
    return gone.then(work);
  };
  spool.index.update = (...values) => slowly(() => update.apply(spool.index, values));
  spool.index.move = (...values) => slowly(() => move.apply(spool.index, values));
  spool.index.collect = (...values) => slowly(() => collect.apply(spool.index, values));
  return { spool, clock, asked, go: () => go() };
}

/** Whether a promise is still open after many turns. */
async function isWaiting(promise: Promise<unknown> | unknown): Promise<boolean> {
  let isOpen = true;
  void Promise.resolve(promise).then(() => {
    isOpen = false;
  });
  for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
  return isOpen;
}

test.each(["a receiver", "a sweep"])(
  "who asks while %s has a failure written down gets the file, and not the word that there is none",
  (who) =>
    inTempFolder(async (folder) => {
      const { spool, clock, asked, go } = await slowVerdicts(folder, { leaseMs: 1000 });
      await store(spool, 1);
      const { token } = await lease(spool);
      clock.nowMs += 1000;
      const failing = who === "a sweep" ? spool.sweep() : spool.nack(token, "no");
      await asked;
      const leases = [spool.lease("default"), spool.lease("default")];
      expect(await isWaiting(leases[0])).toBe(true);
      expect(spool.lease("another")).toBeNull();
      go();
      await failing;
      expect(await Promise.all(leases)).toMatchObject([{ transfer: idOf(1), attempt: 2 }, null]);
      await spool.close();
    }),
);

test("who asks while a file dies hears after that that there is none, or gets what came meanwhile", () =>
  inTempFolder(async (folder) => {
    const { spool, go } = await slowVerdicts(folder, { failuresMax: 1 });
    const stop = spool.onArrival("default", () => {});
    await store(spool, 1);
    const dying = spool.nack((await lease(spool)).token, "no");
    const leasing = spool.lease("default");
    const second = spool.lease("default");
    expect(await isWaiting(leasing)).toBe(true);
    await store(spool, 2);
    go();
    expect(await dying).toBe(true);
    expect([await leasing, await second]).toMatchObject([{ transfer: idOf(2) }, null]);
    expect(spool.underWay()).toMatchObject({ leases: 1, queues: 1, returning: 0 });
    stop();
    await spool.close();
  }));

test.each(["ack", "nack"] as const)(
  "a file whose %s is being written down is handed to nobody, however long that takes and whoever sweeps",
  (verdict) =>
    inTempFolder(async (folder) => {
      const { spool, clock, asked, go } = await slowVerdicts(folder, { leaseMs: 1000 });
      await store(spool, 1);
      const { token } = await lease(spool);
      const written = verdict === "ack" ? spool.ack(token) : spool.nack(token, "no");
      await asked;
      // The lease would have run out by now. It ended when the verdict came, so the sweep has nothing to give back.
      clock.nowMs += 5000;
      expect((await spool.sweep()).leases).toEqual([]);
      expect(spool.renew(token)).toBe(false);
      spool.release(token);
      const asking = spool.lease("default");
      expect(verdict === "ack" ? asking : await isWaiting(asking)).toBe(verdict === "ack" ? null : true);
      go();
      await written;
      expect(await asking).toEqual(verdict === "ack" ? null : expect.objectContaining({ attempt: 2 }));
      expect(await spool.lease("default")).toBeNull();
      await spool.close();
    }),
);

test("an ack that is being written down holds up nobody; its file is in flight, for all but the one that acked", () =>
  inTempFolder(async (folder) => {
    const spool = await InspectableSpool.open({ folder });
    await store(spool, 1);
    const failures = failingCommits(spool);
    const told = () => [spool.waiting("default"), spool.inFlight("default", []), spool.inFlight("default", [token])];
    let { token } = await lease(spool);
    failures.isOn = true;
    const failing = failure(spool.ack(token));
    expect(told()).toEqual([0, 1, 0]);
    expect(await failing).toBe("spool-unusable");
    expect(told()).toEqual([1, 0, 0]); // here it is again
    failures.isOn = false;
    token = (await lease(spool)).token;
    const acking = spool.ack(token);
    expect(told()).toEqual([0, 1, 0]);
    expect(spool.lease("default")).toBeNull();
    await acking;
    expect(told()).toEqual([0, 0, 0]);
    expect(await drain(spool)).toEqual([]);
    await spool.close();
  }));

test("of a queue that nobody uses nothing is in memory, and what came back is delivered from its head all the same", () =>
  inTempFolder(async (folder) => {
    const spool = await InspectableSpool.open({ folder });
    for (const number of [1, 2, 3]) await store(spool, number);
    const [first, second] = [await lease(spool), await lease(spool)];
    spool.release(second.token);
    expect(spool.underWay()).toMatchObject({ queues: 1, leases: 1 });
    await spool.nack(first.token, "no");
    expect(spool.underWay()).toMatchObject({ queues: 0, leases: 0 });
    expect(await drain(spool)).toEqual([1, 2, 3].map(idOf));
    expect(spool.underWay()).toMatchObject({ queues: 0, leases: 0 });
    await spool.close();
  }));
