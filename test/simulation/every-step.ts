/**
 * Every single step: a small plan in which one program is killed, or its machine loses power, at step 1, 2, 3 ... of the run.
 *
 * Chance seldom meets a gap of one step between two calls; this meets each of them.
 */
import type { Fault, Plan } from "./plan.ts";

const planned = { queue: "photos", bufferBytes: 64 * 1024, startMs: 0 };

export const SMALL: Plan = {
  seed: 1,
  senders: [
    {
      ...{ ...planned, name: "sender-0" },
      files: [
        { name: "a", size: 300 },
        { name: "b", size: 70_000 },
      ],
    },
  ],
  receivers: [{ ...planned, name: "receiver-0", startMs: 30, follow: false }],
  ...{ spoolBytesMax: Number.POSITIVE_INFINITY, queueFilesMax: 1000, leaseMs: 2000, networkMs: 1 },
  serverBufferBytes: 64 * 1024,
  faults: [],
};

/** The same with something to do for each file before its ack. */
export const HOOKED: Plan = { ...SMALL, receivers: SMALL.receivers.map((planned) => ({ ...planned, hookMs: 5 })) };

/** The same with a stream whose producer rests in the middle, so that some of it is durable before it is whole. */
export const STREAMED: Plan = {
  ...SMALL,
  seed: 4,
  senders: SMALL.senders.map((planned) => ({ ...planned, files: [{ name: "s", size: 300_000, isStream: true }] })),
};

/** The receiver's disk fails at each step in turn, the connection soon after, and the power before its syncs work again. */
export function* brokenDisk(steps: number, every: number, from: number, plan: Plan): Generator<Plan> {
  for (let atStep = 1 + (from % every); atStep <= steps; atStep += every)
    for (const later of [5, 15, 40]) {
      const faults: Fault[] = [
        { atStep, kind: "unsynced", machine: "receiver-0", forMs: 3000 },
        { atStep: atStep + 4, kind: "cut", machine: "server", forMs: 0 },
        { atStep: atStep + later, kind: "power", machine: "receiver-0", forMs: 50 },
      ];
      yield { ...plan, faults };
    }
}

/** @param steps that the small plan takes when nothing goes wrong; `every`: leaves out all others */
export function* everyStep(
  steps: number,
  every = 1,
  from = 0,
  { plan = SMALL, machines = ["server", "sender-0", "receiver-0"] } = {},
): Generator<Plan> {
  for (const machine of machines)
    for (const kind of ["kill", "power"] as const)
      for (let atStep = 1 + (from % every); atStep <= steps; atStep += every) {
        const faults: Fault[] = [{ atStep, kind, machine, forMs: 50 }];
        yield { ...plan, faults };
      }
}
