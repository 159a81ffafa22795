/**
 * The laws of the spool contract on minimal/queues.ts. An adapter gives it the shape of a spool; what it leaves out on
 * purpose is skipped by name, with the reason, so that a law that is new is tried.
 */
import { existsSync, type ReadStream, readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { LEASE_MS, type Upload as MinimalUpload, openQueues, type Queues } from "../../minimal/queues.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { SPOOL_LIMITS, type Spool, type Swept, type Upload, type UploadWatcher } from "../../src/spool/contract.ts";
import type { Delivery, Offer } from "../../src/spool/files.ts";
import type { ManagedSpool } from "../../src/spool/operate/contract.ts";
import { spoolContract } from "../spool/contract.ts";
import { drain, type Implementation, idOf, lease, startMs, store } from "../spool/subject.ts";

/** By the name of a law, or of a group of laws. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  bounds: "it has no quotas and no bounds of queues",
  expiry: "nothing expires",
  looking: "nobody can look at a transfer",
  operators: "it has no operators",
  "too many failures make a dead letter, with the reason, the count and the times": "it has no dead letters",
  "a lease ends when its time is over, a renewal starts the time anew":
    "the law ends with a dead letter; the rest of it is below",
  "whoever listens hears of files that arrive or come back in that queue, until told to stop":
    "it has one set of listeners for all queues, and no dead letters",
  "an attempt counts the failures before it: nacks and expired leases, not releases":
    "an attempt counts how often a file was handed out",
  "an ack may be repeated, also at the same time, and takes one file off":
    "a repeated ack is refused, which a receiver takes for an answer",
  "in flight is what somebody holds, without one's own deliveries, and it does not matter how that ends":
    "a session counts its own deliveries; the law ends with a dead letter and an operator",
  "a bounded number of acks is remembered": "no ack is remembered",
  "one transfer id stands for one file, whether unfinished, waiting or collected": "the size is left to the digest",
  "a stream that was stored may be offered again, also after it was collected": "the size is left to the digest",
  "an unfinished stream and an unfinished file are never the same transfer": "the size is left to the digest",
  "a stream is refused at the byte that exceeds the bound of a file or of the spool, and goes on when there is room":
    "it has no quotas",
  "an unfinished stream expires like any upload, and gives back what it held": "nothing expires",
};

beforeEach(({ task, skip }) => {
  const reason = LEFT_OUT[task.name] ?? LEFT_OUT[task.suite?.name ?? ""];
  if (reason !== undefined) skip(reason);
});

const uploadOf = (queues: Queues, upload: MinimalUpload, watcher: UploadWatcher): Upload => ({
  offset: upload.file.durable,
  async append(offset, parts) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    await upload.file.append({ type: "data", offset, length, parts });
    watcher.onDurable(upload.file.durable);
  },
  finish: async (digest, size = upload.offer.size) => {
    // A session refuses a stream without a size, and a file of another size than was offered, before it asks the queues.
    const isSize = size !== Infinity && (upload.offer.size === Infinity || upload.offer.size === size);
    await queues.finish(upload, digest, isSize ? size : -1);
  },
  suspend: () => upload.file.close(),
  cancel: () => upload.file.remove(),
});

/** The queues in the shape of a spool. What only quotas need is worked out from the folder. */
function spoolOf(queues: Queues, folder: string, limits: Spool["limits"]): ManagedSpool {
  const offers = new Map<string, { readonly offer: Offer; upload?: MinimalUpload }>();
  const deliveries = new Map<string, Delivery>();
  const isLeased = (token: string): boolean => {
    try {
      (queues.read(token, 0, 1) as ReadStream).on("error", () => {}).destroy();
      return true;
    } catch {
      return false;
    }
  };
  const demandLease = (token: string): void => {
    if (!isLeased(token)) throw new FilespoolError("lease-lost");
  };
  const spool: Omit<Spool, "onEnded" | "inFlight"> = {
    ...{ durability: "fsync", limits, digests: queues.digests, trouble: null },
    async offer(offer, watcher) {
      const answer = await queues.offer(offer, watcher.onSuperseded);
      if ("stored" in answer) return { kind: "stored", digest: answer.stored.digest, collected: answer.collected };
      offers.set(offer.transfer, { offer, upload: answer });
      return { kind: "upload", upload: uploadOf(queues, answer, watcher) };
    },
    lease(queue) {
      const delivery = queues.lease(queue);
      if (delivery) deliveries.set(delivery.token, delivery);
      return delivery;
    },
    async read(token, offset, into) {
      demandLease(token);
      for await (const chunk of queues.read(token, offset, Math.max(1, into.length))) {
        into.set(chunk);
        return chunk.length;
      }
      return 0;
    },
    renew: (token) => queues.renew(token),
    ack: (token) => queues.ack(token),
    async nack(token) {
      demandLease(token);
      queues.giveBack(token);
      return false;
    },
    release: (token) => queues.giveBack(token),
    onArrival(_, listener) {
      queues.listeners.add(listener);
      return () => queues.listeners.delete(listener);
    },
    waiting: (queue) => queues.waiting(queue),
    bytesUsed() {
      const sizes = readdirSync(join(folder, "data")).map((name) => {
        const { offer, upload } = offers.get(name) ?? {};
        const { size } = statSync(join(folder, "data", name));
        const isReserved = size > 0 || upload?.file.isOpen === true;
        return offer === undefined || offer.size === Infinity ? size : isReserved ? offer.size : 0;
      });
      return sizes.reduce((sum, size) => sum + size, 0);
    },
    dead: async () => [],
    async sweep(): Promise<Swept> {
      const before = [...deliveries.values()].filter(({ token }) => isLeased(token));
      queues.expire();
      const leases = before.filter(({ token }) => !isLeased(token)).map((delivery) => ({ ...delivery, dead: false }));
      return { expired: [], tombstones: 0, leases, isMore: false, failure: null };
    },
    close: async () => {},
  };
  return spool as ManagedSpool;
}

const minimal: Implementation = {
  name: "minimal/queues.ts",
  kept: (_, taken) => taken,
  async run(given, law) {
    const folder = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "filespool-laws-"));
    try {
      const clock = { nowMs: startMs, setMs: 0 };
      const limits = { ...SPOOL_LIMITS, ...given };
      // Its leases have one length, so the time goes faster where a law wants shorter ones.
      const queues = await openQueues(folder, () => clock.nowMs * (LEASE_MS / limits.leaseMs));
      await law({ spool: spoolOf(queues, folder, limits), clock });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

spoolContract(minimal);

test("a lease ends when its time is over, and a renewal starts the time anew", () =>
  minimal.run({ leaseMs: 1000 }, async ({ spool, clock }) => {
    for (const number of [1, 2]) await store(spool, number);
    const [first, second] = [await lease(spool), await lease(spool)];
    clock.nowMs += 999;
    expect((await spool.sweep()).leases).toEqual([]);
    expect(spool.renew(first.token)).toBe(true);
    clock.nowMs += 1;
    expect((await spool.sweep()).leases).toMatchObject([{ token: second.token }]);
    clock.nowMs += 999;
    expect((await spool.sweep()).leases).toMatchObject([{ token: first.token }]);
    expect(await drain(spool)).toEqual([1, 2].map(idOf));
  }));

test("a file whose record is on the move is handed to nobody, however long that takes", () =>
  minimal.run({ leaseMs: 1000 }, async ({ spool, clock }) => {
    await store(spool, 1);
    const { token } = await lease(spool);
    const acking = spool.ack(token);
    for (let isOver = false, turns = 0; !isOver; turns++) {
      clock.nowMs += 5000;
      // Until the move has begun the lease may run out, and then the ack is refused; nothing else may come of it.
      if (turns > 0) expect((await spool.sweep()).leases).toEqual([]);
      expect(spool.lease("default")).toBeNull();
      isOver = await Promise.race([acking.then(() => true), new Promise<false>((next) => setImmediate(next, false))]);
    }
    expect(await drain(spool)).toEqual([]);
  }));
