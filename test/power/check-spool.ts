/** Opens a spool after a power cut and compares what is there with what was promised. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createDigest } from "../../src/disk/digest.ts";
import type { Delivery, Offer } from "../../src/spool/files.ts";
import { deadQueue, queueOf } from "../../src/spool/local/records.ts";
import { content } from "../support/content.ts";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import type { Expected, Place } from "./facts.ts";
import { SPOOL } from "./spool-options.ts";

const PIECE_BYTES = 1024 * 1024;
const nobody = { onDurable: () => {}, onSuperseded: () => {} };

/** Broken promises, one sentence each; the first word is "lost", "damaged" or something else. */
export async function checkSpool(folder: string, expected: readonly Expected[]): Promise<string[]> {
  let spool: InspectableSpool;
  const open = () => InspectableSpool.open({ ...SPOOL.options, folder, now: () => SPOOL.startMs });
  try {
    spool = await open();
  } catch (error) {
    const promised = expected.some(({ places }) => !places.includes("nothing"));
    return [`${promised ? "lost everything: " : ""}it does not open: ${error}`];
  }
  const check = new Check(spool, expected);
  try {
    await check.run();
    await spool.close();
    // What the check changed is as durable as the rest: once more, from the disk.
    spool = await open();
    const again = new Check(spool, expected);
    await again.count();
    return [...check.broken, ...again.broken.map((what) => `after another start: ${what}`)];
  } catch (error) {
    return [...check.broken, `failed: ${(error as Error).stack}`];
  } finally {
    await spool.close().catch(() => {});
  }
}

class Check {
  readonly broken: string[] = [];
  readonly #spool: InspectableSpool;
  readonly #expected: readonly Expected[];
  readonly #queues: readonly string[];

  constructor(spool: InspectableSpool, expected: readonly Expected[]) {
    this.#spool = spool;
    this.#expected = expected;
    const homes = spool.index.totals.rows(null, 1e6).map(({ home }) => home);
    this.#queues = [...new Set([...homes.map(queueOf), ...expected.map(({ queue }) => queue)])];
  }

  async run(): Promise<void> {
    await this.count();
    const order = new Map<string, Delivery[]>();
    for (const queue of this.#queues) order.set(queue, await this.#leaseAll(queue));
    const waiting = new Map([...order.values()].flat().map((delivery) => [delivery.transfer, delivery]));
    const dead = new Set<string>();
    for (const queue of this.#queues) for (const { transfer } of await this.#spool.dead(queue)) dead.add(transfer);
    for (const each of this.#expected) this.#checkPlace(each, waiting, dead);
    const known = new Set(this.#expected.map(({ transfer }) => transfer));
    for (const transfer of [...waiting.keys(), ...dead])
      if (!known.has(transfer)) this.broken.push(`${transfer} is there, but was never sent`);
    for (const deliveries of order.values()) this.#checkOrder(deliveries);
    for (const delivery of waiting.values()) await this.#checkContent(delivery);
    for (const queue of this.#queues) this.#checkDead(queue);
    for (const upload of [...this.#spool.index.uploads()]) await this.#finish(upload);
    for (const { token } of waiting.values()) this.#spool.release(token);
  }

  /** What the spool says about itself must agree with what it has, and nothing lies about that nobody needs. */
  async count(): Promise<void> {
    const { index } = this.#spool;
    const uploads = [...index.uploads()];
    const files = new Set(uploads.map(({ transfer }) => transfer));
    let bytes = uploads.reduce((sum, { size }) => sum + size, 0);
    for (const queue of this.#queues)
      for (const home of [queue, deadQueue(queue)]) {
        const entries = index.list(home, 1e6);
        if (entries.length !== this.#spool.waiting(home))
          this.broken.push(`${home} counts ${this.#spool.waiting(home)} files and has ${entries.length}`);
        for (const {
          entry: { transfer, size, content },
        } of entries) {
          bytes += size;
          if (!content) files.add(transfer);
        }
      }
    if (bytes !== this.#spool.bytesUsed()) this.broken.push(`${this.#spool.bytesUsed()} bytes used, but has ${bytes}`);
    const data = readdirSync(join(this.#spool.parts.folder, "data"));
    for (const name of data) if (!files.has(name)) this.broken.push(`data/${name} is needed by nobody`);
    for (const name of files) if (!data.includes(name)) this.broken.push(`lost: data/${name} is not there`);
  }

  async #leaseAll(queue: string): Promise<Delivery[]> {
    const deliveries: Delivery[] = [];
    for (let next = await this.#spool.lease(queue); next; next = await this.#spool.lease(queue)) deliveries.push(next);
    return deliveries;
  }

  #checkPlace(expected: Expected, waiting: ReadonlyMap<string, Delivery>, dead: ReadonlySet<string>): void {
    const { transfer, places, durable, digest } = expected;
    const found: Place[] = [];
    const upload = [...this.#spool.index.uploads()].find((each) => each.transfer === transfer);
    const delivery = waiting.get(transfer);
    const place = this.#spool.index.find(transfer);
    if (delivery) found.push("waiting");
    if (dead.has(transfer)) found.push("dead");
    if (upload) found.push("upload");
    if (place?.collected) found.push("collected");
    const [only = "nothing"] = found;
    const says = `${transfer} is ${found.join(" and ") || "nowhere"}, and should be ${places.join(" or ")}`;
    if (found.length > 1) this.broken.push(`doubled: ${says}`);
    else if (!places.includes(only)) this.broken.push(only === "nothing" ? `lost: ${says}` : says);
    if (place && place.digest !== digest) this.broken.push(`damaged: ${transfer} has the digest ${place.digest}`);
    if (upload && upload.durable < durable)
      this.broken.push(`lost: ${transfer} goes on from ${upload.durable}, ${durable} were durable`);
    if (delivery && delivery.attempt <= expected.failures)
      this.broken.push(`${transfer}: attempt ${delivery.attempt} after ${expected.failures} failures`);
  }

  /** What was stored before the finish of another began is in front of it. */
  #checkOrder(deliveries: readonly Delivery[]): void {
    const times = new Map(this.#expected.map((each) => [each.transfer, each]));
    let latest = -1;
    for (const { transfer, queue } of deliveries) {
      const { storedAt, finishingAt } = times.get(transfer) ?? {};
      if (storedAt && storedAt < latest) this.broken.push(`${transfer} is too far behind in ${queue}`);
      latest = Math.max(latest, finishingAt ?? -1);
    }
  }

  async #checkContent({ token, transfer, size, algorithm, digest }: Delivery): Promise<void> {
    const found = createDigest(algorithm);
    const piece = Buffer.alloc(Math.min(size, PIECE_BYTES));
    let at = 0;
    try {
      for (let read = 1; read > 0 && at < size; at += read) {
        read = await this.#spool.read(token, at, piece);
        found.update(piece.subarray(0, read));
      }
    } catch (error) {
      this.broken.push(`damaged: ${transfer} cannot be read: ${error}`);
      return;
    }
    if (at !== size || found.hex() !== digest) this.broken.push(`damaged: ${transfer} is not what was sent`);
  }

  /** Nobody can lease a dead letter, but a person may want it back. */
  #checkDead(queue: string): void {
    for (const {
      entry: { transfer, algorithm, digest, content },
    } of this.#spool.index.list(deadQueue(queue), 1e6)) {
      const path = this.#spool.parts.contents.path(transfer);
      if (!content && !existsSync(path)) continue; // `count` has said so
      const found = createDigest(algorithm);
      found.update(content ?? readFileSync(path));
      if (found.hex() !== digest) this.broken.push(`damaged: the dead letter ${transfer} is not what was sent`);
    }
  }

  /** Its sender comes back and sends the rest: that has to give the file that was meant. */
  async #finish({ transfer, queue, name, size, algorithm }: Offer): Promise<void> {
    const expected = this.#expected.find((each) => each.transfer === transfer);
    if (!expected) return;
    try {
      const answer = await this.#spool.offer({ transfer, queue, name, size, algorithm }, nobody);
      if (answer.kind !== "upload") throw new Error("it is stored already");
      const { offset } = answer.upload;
      await answer.upload.append(offset, [contentOf(name).subarray(offset)]);
      await answer.upload.finish(expected.digest);
    } catch (error) {
      this.broken.push(`damaged: the upload ${transfer} cannot be finished: ${error}`);
      return;
    }
    const delivery = (await this.#leaseAll(queue)).find((each) => each.transfer === transfer);
    if (!delivery) this.broken.push(`lost: ${transfer} after it was finished`);
    else {
      await this.#checkContent(delivery);
      await this.#spool.ack(delivery.token);
    }
  }
}

const contents = new Map<string, Buffer>();

/** Files are named "seed-size" after their content. */
export function contentOf(name: string): Buffer {
  const [seed, size] = name.split("-").map((text) => Number.parseInt(text, 10)) as [number, number];
  const made = contents.get(name) ?? content(size, seed);
  contents.set(name, made);
  return made;
}
