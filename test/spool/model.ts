/** The local spool beside a model of it that cannot crash: what each command does to both, and what must be the same. */
import { expect } from "vitest";
import type { Upload } from "../../src/spool/contract.ts";
import type { Host, ModelSpool } from "./model-real.ts";
import { begin, contentIn, contentOf, digestOf, idOf, nobody, offerOf, sameBytes } from "./subject.ts";

/** Each file has its size for ever: nothing, inside the index, around the threshold, several batches. */
const SIZES = [0, 10, 1000, 1001, 1500, 5000, 20_000];
const FILES = 60;
/** Larger content is in a file, and what arrived of it is kept. */
export const INLINE_MAX = 1000;
const FAILURES_MAX = 3;
const LEASE_MS = 1000;

export interface File {
  readonly number: number;
  readonly size: number;
  /** `taken` is with the present holder, `durable` what it was told, or what a suspend kept. */
  state: "unknown" | "uploading" | "waiting" | "dead" | "collected";
  taken: number;
  durable: number;
  failures: number;
}

export class Model {
  readonly files: File[] = [...Array(FILES).keys()].map((number) => {
    const size = SIZES[number % SIZES.length] as number;
    return { number, size, state: "unknown", taken: 0, durable: 0, failures: 0 };
  });
  /** Files in the order in which they were stored, and who has leased them. */
  queue: { readonly file: File; token: string | null }[] = [];
  uploads = new Map<number, { upload: Upload; said: number }>();
  nowMs = 1000;

  get bytes(): number {
    const counted = this.files.filter((file) => ["uploading", "waiting", "dead"].includes(file.state));
    return counted.reduce((sum, { size }) => sum + size, 0);
  }

  /** What could be offered next: what is unfinished, and a few new files. */
  get open(): File[] {
    const unfinished = this.files.filter(({ state }) => state === "uploading");
    return [...unfinished, ...this.files.filter(({ state }) => state === "unknown").slice(0, 3)];
  }

  get held(): File[] {
    return [...this.uploads.keys()].map((number) => this.files[number] as File);
  }

  get leased(): { readonly file: File; token: string | null }[] {
    return this.queue.filter(({ token }) => token !== null);
  }
}

export class Real {
  readonly #folder: string;
  readonly #durability: "fsync" | "none";
  readonly #host: Host;
  readonly #model: Model;
  spool!: ModelSpool;

  static async start(folder: string, durability: "fsync" | "none", host: Host, model: Model): Promise<Real> {
    const real = new Real(folder, durability, host, model);
    await real.#open();
    return real;
  }

  private constructor(folder: string, durability: "fsync" | "none", host: Host, model: Model) {
    this.#folder = folder;
    this.#durability = durability;
    this.#host = host;
    this.#model = model;
  }

  async #open(): Promise<void> {
    this.spool = await this.#host.open({
      folder: this.#folder,
      durability: this.#durability,
      inlineBytesMax: INLINE_MAX,
      bufferBytes: 600,
      limits: { failuresMax: FAILURES_MAX, leaseMs: LEASE_MS },
      now: () => this.#model.nowMs,
    });
  }

  async reopen(): Promise<void> {
    await this.spool.close();
    await this.#open();
  }

  /** @param pending what was asked and perhaps not answered */
  async crash(pending: readonly Promise<unknown>[]): Promise<void> {
    await this.#host.kill?.();
    await Promise.allSettled(pending);
    await this.#open();
  }
}

/** Contents never change, so their digests are computed once. */
const digests = new Map<number, string>();
export function digestOfFile(number: number, size: number): string {
  const digest = digests.get(number) ?? digestOf(contentOf(size, number));
  digests.set(number, digest);
  return digest;
}

/** After every command: the sums agree, and so does what an offer would hear of every file that is not uploading. */
export async function expectSame(model: Model, { spool }: Real): Promise<void> {
  expect(await spool.waiting("default")).toBe(model.queue.length);
  expect(await spool.bytesUsed()).toBe(model.bytes);
  const dead = (await spool.dead("default")).map(({ transfer, failures }) => [transfer, failures]).sort();
  const letters = model.files.filter(({ state }) => state === "dead");
  expect(dead).toEqual(letters.map(({ number }) => [idOf(number), FAILURES_MAX]));
  const settled = model.files.filter(({ state }) => state !== "unknown" && state !== "uploading");
  const answers = await Promise.all(settled.map(({ number, size }) => spool.offer(offerOf(number, size), nobody)));
  const expected = settled.map(({ number, size, state }) => {
    return { kind: "stored", digest: digestOfFile(number, size), collected: state === "collected" };
  });
  expect(answers).toEqual(expected);
}

/** What a crash or a restart does to the model: leases and holders are gone, and what was not durable. */
export function forgetMemory(model: Model): void {
  for (const entry of model.queue) entry.token = null;
  model.uploads.clear();
  for (const file of model.files) {
    if (file.state !== "uploading") continue;
    file.taken = file.durable;
    if (file.durable === 0) file.state = "unknown";
  }
}

export async function offer(model: Model, { spool }: Real, file: File): Promise<void> {
  const held = { upload: null as unknown as Upload, said: file.durable };
  const watcher = {
    onDurable: (offset: number) => {
      expect(offset).toBeGreaterThanOrEqual(held.said);
      held.said = offset;
    },
    onSuperseded: () => {},
  };
  const previous = model.uploads.get(file.number);
  held.upload = await begin(spool, offerOf(file.number, file.size), watcher);
  if (previous && file.size > INLINE_MAX) file.durable = file.taken; // superseding keeps what arrived
  expect(held.upload.offset).toBe(file.durable);
  expect(held.upload.offset).toBeGreaterThanOrEqual(previous?.said ?? 0);
  held.said = file.durable; // a newer holder begins with what the older one kept
  Object.assign(file, { state: "uploading", taken: file.durable });
  model.uploads.set(file.number, held);
}

export const endUpload = (model: Model, file: File, state: File["state"]): void => {
  model.uploads.delete(file.number);
  Object.assign(file, { state, taken: 0, durable: 0, failures: 0 });
  if (state === "waiting") model.queue.push({ file, token: null });
};

/** The head of the queue must be what the spool hands out, with the right content and count. */
export async function leaseNext(model: Model, { spool }: Real): Promise<void> {
  const expected = model.queue.find(({ token }) => token === null);
  const delivery = await spool.lease("default");
  if (!expected) return expect(delivery).toBeNull();
  const { number, failures } = expected.file;
  expect(delivery).toMatchObject({ transfer: idOf(number), attempt: failures + 1 });
  if (!delivery) return;
  expect(sameBytes(await contentIn(spool, delivery), contentOf(delivery.size, number))).toBe(true);
  expected.token = delivery.token;
}

/** A failed delivery in the model: back to its place, or out of the queue. */
export function fail(model: Model, number: number): void {
  const entry = model.queue.find(({ file }) => file.number === number);
  if (!entry) return;
  entry.token = null;
  entry.file.failures++;
  if (entry.file.failures < FAILURES_MAX) return;
  entry.file.state = "dead";
  model.queue = model.queue.filter((other) => other !== entry);
}

export function collect(model: Model, number: number): void {
  model.queue = model.queue.filter(({ file }) => file.number !== number);
  Object.assign(model.files[number] as File, { state: "collected" });
}
