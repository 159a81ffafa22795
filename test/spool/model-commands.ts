/** What may happen to a spool, as commands for fast-check: each does it to the model and to the real one, and compares. */
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect } from "vitest";
import {
  collect,
  digestOfFile,
  endUpload,
  expectSame,
  type File,
  fail,
  forgetMemory,
  INLINE_MAX,
  leaseNext,
  type Model,
  offer,
  type Real,
} from "./model.ts";
import { contentOf, digestOf, failure, idOf, nobody, offerOf } from "./subject.ts";

type Command = fc.AsyncCommand<Model, Real>;
type Run<T> = (model: Model, real: Real, one: T) => Promise<void>;

/** How often each command ran, so that a test can tell whether anything happened at all. */
export const ran = new Map<string, number>();

/** A command on one of several things, and no command at all while there is none. */
function command<T>(name: string, at: number, among: (model: Model) => readonly T[], run: Run<T>): Command {
  return {
    check: (model) => among(model).length > 0,
    async run(model, real) {
      ran.set(name, (ran.get(name) ?? 0) + 1);
      const all = among(model);
      await run(model, real, all[at % all.length] as T);
      await expectSame(model, real);
    },
    toString: () => `${name} (${at})`,
  };
}

const digest = ({ number, size }: File): string => digestOfFile(number, size);
const uploadOf = (model: Model, { number }: File) => model.uploads.get(number)!.upload;

function append(model: Model, file: File, bytes: number, back = 0): Promise<void> | undefined {
  const from = Math.max(0, file.taken - back);
  const to = Math.min(file.size, file.taken + bytes);
  file.taken = to;
  return uploadOf(model, file).append(from, [contentOf(file.size, file.number).subarray(from, to)]);
}

async function finish(model: Model, _: Real, file: File): Promise<void> {
  await append(model, file, file.size);
  await uploadOf(model, file).finish(digest(file));
  endUpload(model, file, "waiting");
}

const anyTime = () => [null];
const at = fc.nat(20);
const some = (weight: number, arbitrary: fc.Arbitrary<Command>) => ({ weight, arbitrary });

export const commands = [
  some(
    4,
    at.map((n) => command("offer", n, (model) => model.open, offer)),
  ),
  some(
    6,
    at.map((n) =>
      command(
        "offer, send and finish",
        n,
        (model) => model.open,
        async (model, real, file) => {
          await offer(model, real, file);
          await finish(model, real, file);
        },
      ),
    ),
  ),
  some(
    4,
    fc.tuple(at, fc.nat(3000), fc.nat(50)).map(([n, bytes, back]) =>
      command(
        "append",
        n,
        (model) => model.held,
        async (model, _, file) => append(model, file, bytes, back),
      ),
    ),
  ),
  some(
    2,
    at.map((n) =>
      command(
        "suspend",
        n,
        (model) => model.held,
        async (model, _, file) => {
          await uploadOf(model, file).suspend();
          model.uploads.delete(file.number);
          file.durable = file.size > INLINE_MAX ? file.taken : 0;
          if (file.durable === 0) endUpload(model, file, "unknown");
        },
      ),
    ),
  ),
  some(
    1,
    at.map((n) =>
      command(
        "cancel",
        n,
        (model) => model.held,
        async (model, _, file) => {
          await uploadOf(model, file).cancel();
          endUpload(model, file, "unknown");
        },
      ),
    ),
  ),
  some(
    2,
    at.map((n) => command("finish", n, (model) => model.held, finish)),
  ),
  some(
    1,
    at.map((n) =>
      command(
        "finish wrongly",
        n,
        (model) => model.held,
        async (model, _, file) => {
          const code = file.taken === file.size ? "digest-mismatch" : "size-mismatch";
          expect(await failure(uploadOf(model, file).finish(digestOf(contentOf(3))))).toBe(code);
          endUpload(model, file, "unknown");
        },
      ),
    ),
  ),
  some(8, fc.constant(command("lease", 0, anyTime, leaseNext))),
  some(
    2,
    at.map((n) =>
      command(
        "ack",
        n,
        (model) => model.leased,
        async (model, { spool }, { file, token }) => {
          await Promise.all([spool.ack(token!), spool.ack(token!)]);
          collect(model, file.number);
        },
      ),
    ),
  ),
  some(
    3,
    at.map((n) =>
      command(
        "nack",
        n,
        (model) => model.leased,
        async (model, { spool }, { file, token }) => {
          const dead = await spool.nack(token!, "no");
          fail(model, file.number);
          expect(dead).toBe(file.state === "dead");
        },
      ),
    ),
  ),
  some(
    3,
    at.map((n) =>
      command(
        "release",
        n,
        (model) => model.leased,
        async (_, { spool }, entry) => {
          await spool.release(entry.token!);
          entry.token = null;
        },
      ),
    ),
  ),
  some(
    1,
    fc.constant(
      command("all leases run out", 0, anyTime, async (model, { spool }) => {
        model.nowMs += 1000;
        const held = model.leased.map(({ file }) => file.number);
        const ended = (await spool.sweep()).leases.map(({ transfer }) => transfer);
        expect(ended.sort()).toEqual(held.map(idOf).sort());
        for (const number of held) fail(model, number);
      }),
    ),
  ),
  some(
    1,
    fc.constant(
      command("restart", 0, anyTime, async (model, real) => {
        for (const file of model.held) if (file.size > INLINE_MAX) file.durable = file.taken; // closing suspends
        await real.reopen();
        forgetMemory(model);
      }),
    ),
  ),
] as const;

export const crashes = some(
  6,
  fc
    .tuple(at, fc.nat(80))
    .map(([n, waits]) =>
      command("crash", n, anyTime, (model, real) =>
        crash(model, real, model.held[n % model.held.length], model.leased[n % model.leased.length], waits / 10),
      ),
    ),
);

/**
 * A crash while an upload finishes and a delivery is acked, so many milliseconds after they were asked for.
 * Whatever was answered before holds after it; what was not answered has happened wholly or not at all.
 */
async function crash(
  model: Model,
  real: Real,
  file: File | undefined,
  entry: Model["leased"][0] | undefined,
  waitMs: number,
): Promise<void> {
  if (!file && model.open[0]) {
    await offer(model, real, model.open[0]);
    file = model.held[0];
  }
  const pending: Promise<void>[] = [];
  const promised = new Set<string>();
  const start = (name: string, work: Promise<void>) => void pending.push(work.then(() => void promised.add(name)));
  if (file) {
    await append(model, file, file.size);
    start("finish", uploadOf(model, file).finish(digest(file)));
  }
  if (entry) start("ack", real.spool.ack(entry.token!));
  for (const untilMs = performance.now() + waitMs; performance.now() < untilMs; ) await setImmediate();
  const [finished, acked] = [promised.has("finish"), promised.has("ack")];
  for (const held of model.held) held.durable = model.uploads.get(held.number)!.said;
  await real.crash(pending);

  if (entry) {
    const answer = await real.spool.offer(offerOf(entry.file.number, entry.file.size), nobody);
    expect(answer.kind).toBe("stored");
    const collected = answer.kind === "stored" && answer.collected;
    if (acked) expect(collected).toBe(true);
    if (collected) collect(model, entry.file.number);
  }
  if (file) {
    const answer = await real.spool.offer(offerOf(file.number, file.size), nobody);
    ran.set(`crash, ${answer.kind}`, (ran.get(`crash, ${answer.kind}`) ?? 0) + 1);
    if (finished) expect(answer.kind).toBe("stored");
    if (answer.kind === "stored") endUpload(model, file, "waiting");
    else {
      expect(answer.upload.offset).toBeGreaterThanOrEqual(file.durable);
      file.durable = answer.upload.offset;
      await answer.upload.suspend();
    }
  }
  forgetMemory(model);
}
