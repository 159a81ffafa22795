import { expect, test, vi } from "vitest";
import { brokenDisk, everyStep, HOOKED, SMALL, STREAMED } from "./every-step.ts";
import { simulatedModules } from "./modules.ts";
import { type Plan, planOf } from "./plan.ts";
import { simulate } from "./run.ts";
import { shrink } from "./shrink.ts";

vi.setConfig({ testTimeout: 300_000 });

const SEED = Number(process.env.FILESPOOL_SEED);
const RUNS = Math.ceil(0.25 * Number(process.env.FILESPOOL_RUNS ?? 100));

const modules = await simulatedModules();

const send = { queue: "photos", bufferBytes: 4096, startMs: 0 };

test("whatever goes wrong in a simulated world: nothing is lost, doubled or stuck, and disks hold what was said", async () => {
  let faults = 0;
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const { broken, transcript, ...run } = await simulate(planOf(seed), modules);
    const lines = transcript.slice(-40).join("\n");
    expect(broken, `npm run simulate -- --seed ${seed} --runs 1 --transcript\n${lines}`).toEqual([]);
    faults += run.faults;
  }
  console.info(`seeds ${SEED} to ${SEED + RUNS - 1}: ${faults} faults`);
});

test("whoever is killed at whichever single step, the same holds", async () => {
  const { steps, broken } = await simulate(SMALL, modules);
  expect(broken).toEqual([]);
  for (const plan of everyStep(steps, 6, SEED))
    expect({ plan, broken: (await simulate(plan, modules)).broken }).toEqual({ plan, broken: [] });
});

test("a receiver that is killed at whichever single step acks no file whose hook has not run", async () => {
  const { steps, broken } = await simulate(HOOKED, modules);
  expect(broken).toEqual([]);
  for (const plan of everyStep(steps, 4, SEED, { plan: HOOKED, machines: ["receiver-0"] }))
    expect({ plan, broken: (await simulate(plan, modules)).broken }).toEqual({ plan, broken: [] });
});

test.each([
  ["a receiver", SMALL],
  ["a receiver with a hook", HOOKED],
])(
  "%s whose disk breaks at whichever single step, and whose power goes, acks nothing that it has not",
  async (_, plan) => {
    const { steps } = await simulate(plan, modules);
    for (const broken of brokenDisk(steps, 3, SEED, plan))
      expect({ plan: broken, broken: (await simulate(broken, modules)).broken }).toEqual({ plan: broken, broken: [] });
  },
);

test("whoever is killed at whichever single step: of a stream all is seen or nothing, and what was begun expires", async () => {
  const { steps, broken } = await simulate(STREAMED, modules);
  expect(broken).toEqual([]);
  for (const plan of everyStep(steps, 12, SEED, { plan: STREAMED, machines: ["server", "sender-0"] }))
    expect({ plan, broken: (await simulate(plan, modules)).broken }).toEqual({ plan, broken: [] });
});

test("a power cut does not bring back the note of a hook that has run: what landed would land again", async () => {
  const files = [1, 65_537].map((size) => ({ name: `a-${size}`, size }));
  const plan: Plan = {
    ...{ seed: 1_898_231_307, leaseMs: 30_000, networkMs: 0.1, spoolBytesMax: Number.POSITIVE_INFINITY },
    ...{ queueFilesMax: 1000, serverBufferBytes: 65_536 },
    senders: [{ ...send, name: "sender-0", bufferBytes: 65_536, startMs: 397, files }],
    receivers: [{ ...send, name: "receiver-0", bufferBytes: 262_144, follow: true, startMs: 173, hookMs: 20 }],
    faults: [
      { atStep: 73, kind: "damage", machine: "server", forMs: 40_000 },
      { atStep: 123, kind: "power", machine: "receiver-0", forMs: 50 },
    ],
  };
  expect((await simulate(plan, modules)).broken).toEqual([]);
});

test("a landing that a broken disk stopped, and a power cut after it: what has no name on disk is not taken for landed", async () => {
  const files = [0, 4096, 204_800, 300].map((size, at) => ({ name: `sender-0-${at}`, size }));
  const receiver = { ...send, follow: true, hookMs: 300 };
  const plan: Plan = {
    ...{ seed: 231_407_053, leaseMs: 2000, networkMs: 0.1, spoolBytesMax: 2_097_152 },
    ...{ queueFilesMax: 1000, serverBufferBytes: 65_536 },
    senders: [{ ...send, name: "sender-0", queue: "letters", bufferBytes: 262_144, startMs: 354, files }],
    receivers: [
      { ...receiver, name: "receiver-0", bufferBytes: 262_144, startMs: 199 },
      { ...receiver, name: "receiver-1", queue: "letters", bufferBytes: 65_536, startMs: 290 },
    ],
    faults: [
      { atStep: 14, kind: "unsynced", machine: "receiver-1", forMs: 0 },
      { atStep: 48, kind: "kill", machine: "server", forMs: 50 },
      { atStep: 227, kind: "damage", machine: "server", forMs: 3000 },
      { atStep: 318, kind: "cut", machine: "server", forMs: 500 },
      { atStep: 329, kind: "unsynced", machine: "receiver-1", forMs: 40_000 },
      { atStep: 809, kind: "power", machine: "receiver-1", forMs: 50 },
    ],
  };
  expect((await simulate(plan, modules)).broken).toEqual([]);
});

test("a run is the same again for the same seed, step by step", async () => {
  const first = await simulate(planOf(SEED), modules);
  expect(await simulate(planOf(SEED), modules)).toEqual(first);
});

const calm: Plan = {
  seed: 1,
  senders: [
    { ...send, name: "sender-0", files: [1, 2, 3].map((size) => ({ name: `a-${size}`, size })) },
    { ...send, name: "sender-1", files: [{ name: "b", size: 200_000 }] },
  ],
  receivers: ["receiver-0", "receiver-1"].map((name) => ({ ...send, name, follow: true })),
  ...{
    spoolBytesMax: Number.POSITIVE_INFINITY,
    queueFilesMax: 1000,
    leaseMs: 2000,
    networkMs: 1,
    serverBufferBytes: 4096,
  },
  faults: (["cut", "kill", "silence"] as const).map((kind) => ({ atStep: 50, kind, machine: "server", forMs: 500 })),
};

test("a failing plan is shortened to what it needs to fail", async () => {
  const fails = async ({ senders, faults }: Plan) =>
    faults.some(({ kind }) => kind === "kill") && senders.some(({ files }) => files.some(({ name }) => name === "a-2"));
  const { senders, receivers, faults } = await shrink(calm, fails);
  expect(senders.map(({ files }) => files.map(({ name }) => name))).toEqual([["a-2"]]);
  expect(receivers).toHaveLength(1);
  expect(faults.map(({ kind }) => kind)).toEqual(["kill"]);
});

test("a world that is stuck is noticed: a server whose machine never comes back", async () => {
  const gone = { atStep: 50, kind: "power", machine: "server", forMs: 10 ** 12 } as const;
  const { broken } = await simulate({ ...calm, faults: [gone] }, modules);
  expect(broken).not.toEqual([]);
});
