/** What the laws of the spool are told in: implementations to try, a clock that only tests move, files, and a store. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { createDigest } from "../../src/disk/digest.ts";
import { timedSpool } from "../../src/net/extensions/observe/timed-spool.ts";
import type { FilespoolError } from "../../src/protocol/errors.ts";
import type { Spool, SpoolLimits, Upload, UploadWatcher } from "../../src/spool/contract.ts";
import type { Delivery, Offer } from "../../src/spool/files.ts";
import { LocalSpool, type LocalSpoolOptions } from "../../src/spool/local-spool.ts";
import { MemorySpool } from "../../src/spool/memory-spool.ts";
import type { ManagedSpool } from "../../src/spool/operate/contract.ts";

export interface Clock {
  nowMs: number;
  /** How far somebody has set the clock on the wall forwards (or, below 0, back). */
  setMs: number;
}

export interface Subject {
  readonly spool: ManagedSpool;
  readonly clock: Clock;
}

export interface Implementation {
  readonly name: string;
  /** How much of an upload is kept when its sender goes away after `taken` bytes. */
  kept(size: number, taken: number): number;
  run(limits: Partial<SpoolLimits>, law: (subject: Subject) => Promise<void>): Promise<void>;
}

export const startMs = 1_700_000_000_000;

export async function inTempFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "filespool-spool-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const clocks = (clock: Clock) => ({ now: () => clock.nowMs + clock.setMs, ticks: () => clock.nowMs });

const memory: Implementation = {
  name: "MemorySpool",
  kept: (_, taken) => taken,
  async run(limits, law) {
    const clock = { nowMs: startMs, setMs: 0 };
    const spool = new MemorySpool({ ...clocks(clock), createDigest, limits });
    await law({ spool, clock });
    await spool.close();
  },
};

/** What a server with metrics has: the spool itself, but for two calls that are timed. */
const timed = (inner: Implementation): Implementation => ({
  ...inner,
  name: `${inner.name}, timed`,
  run: (limits, law) =>
    inner.run(limits, ({ spool, clock }) =>
      law({ spool: timedSpool(spool, { now: () => clock.nowMs, onTiming: () => {} }), clock }),
    ),
});

const local = (about: string, options: Omit<LocalSpoolOptions, "folder">): Implementation => ({
  name: `LocalSpool, ${about}`,
  kept: (size, taken) => (size <= (options.inlineBytesMax ?? 0) ? 0 : taken),
  run: (limits, law) =>
    inTempFolder(async (folder) => {
      const clock = { nowMs: startMs, setMs: 0 };
      const spool = await LocalSpool.open({ ...options, ...clocks(clock), folder, limits });
      await law({ spool, clock }).finally(() => spool.close());
    }),
});

export const IMPLEMENTATIONS: readonly Implementation[] = [
  memory,
  local("content up to 64 KiB in the index", { inlineBytesMax: 65_536, bufferBytes: 16_384 }),
  local("all content in files, tiny batches", { inlineBytesMax: 0, bufferBytes: 100 }),
  timed(memory),
  local("not synced", { durability: "none", inlineBytesMax: 1000, bufferBytes: 4096 }),
];

export const idOf = (number: number): string => number.toString(16).padStart(32, "0");

/** Content that differs at every offset and with every seed. */
export function contentOf(size: number, seed = 1): Uint8Array {
  const content = new Uint8Array(size);
  for (let at = 0; at < size; at++) content[at] = (at * 31 + (at >> 8) * 7 + seed * 101) & 0xff;
  return content;
}

export const digestOf = (content: Uint8Array, algorithm = "blake3"): string => {
  if (algorithm === "sha256") return createHash("sha256").update(content).digest("hex");
  const digest = createDigest(algorithm);
  digest.update(content);
  return digest.hex();
};

export const offerOf = (number: number, size: number, more: Partial<Offer> = {}): Offer => ({
  transfer: idOf(number),
  queue: "default",
  name: `file ${number}.bin`,
  size,
  algorithm: "blake3",
  ...more,
});

export const nobody: UploadWatcher = { onDurable: () => {}, onSuperseded: () => {} };

/** Offers, and expects that there is something to send. */
export async function begin(spool: Pick<Spool, "offer">, offer: Offer, watcher = nobody): Promise<Upload> {
  const answer = await spool.offer(offer, watcher);
  if (answer.kind !== "upload") throw new Error(`${offer.transfer} is stored already`);
  return answer.upload;
}

/** Appends what the upload lacks, in pieces. */
export async function appendRest(upload: Upload, content: Uint8Array, pieceBytes = 10_000): Promise<void> {
  for (let at = upload.offset; at < content.length; at += pieceBytes)
    await upload.append(at, [content.subarray(at, at + pieceBytes)]);
}

/** Stores a whole file; its content follows from its number. */
export async function store(spool: Spool, number: number, size = 10, more: Partial<Offer> = {}): Promise<Offer> {
  const offer = offerOf(number, size, more);
  const content = contentOf(size, number);
  const upload = await begin(spool, offer);
  await appendRest(upload, content);
  await upload.finish(digestOf(content, offer.algorithm));
  return offer;
}

export async function lease(spool: Spool, queue = "default"): Promise<Delivery> {
  const delivery = await spool.lease(queue);
  if (!delivery) throw new Error(`nothing to lease in ${queue}`);
  return delivery;
}

/** Reads a whole leased file in pieces. */
export async function contentIn(
  spool: Pick<Spool, "read">,
  { token, size }: Delivery,
  pieceBytes = 7000,
): Promise<Uint8Array> {
  const content = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const read = await spool.read(token, at, content.subarray(at, at + pieceBytes));
    if (read === 0) throw new Error(`the content ends at ${at} of ${size}`);
    at += read;
  }
  return content;
}

/** Takes everything that is waiting; returns the transfers in the order of delivery. */
export async function drain(spool: Spool, queue = "default"): Promise<string[]> {
  const deliveries: Delivery[] = [];
  for (let next = await spool.lease(queue); next; next = await spool.lease(queue)) deliveries.push(next);
  await Promise.all(deliveries.map(({ token }) => spool.ack(token)));
  return deliveries.map(({ transfer }) => transfer);
}

/** The code of the FilespoolError with which `work` fails. */
export async function failure(work: unknown): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    expect(error, String(error)).toHaveProperty("code");
    return (error as FilespoolError).code;
  }
  return "it did not fail";
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
