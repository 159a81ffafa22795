/**
 * Works on a spool as a busy server would, and says aloud what it is about to do and what it was promised.
 *
 *   work-child <folder> <seed> <rounds> <durability>
 *
 * Each line goes out by one synchronous write, so that a trace of system calls shows what was on disk when it was said.
 */
import { writeSync } from "node:fs";
import { createDigest } from "../../src/disk/digest.ts";
import type { Upload } from "../../src/spool/contract.ts";
import type { Delivery, Offer } from "../../src/spool/files.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { content } from "../support/content.ts";
import { random as randomNumbers } from "../support/process-files.ts";
import { pick } from "./images.ts";
import { SPOOL } from "./spool-options.ts";

const [folder = "", seed = "1", rounds = "10", durability = "fsync"] = process.argv.slice(2);
const random = randomNumbers(Number(seed));
const upTo = (most: number) => Math.floor(random() * most);
const say = (event: string, more: object = {}) => writeSync(1, `${JSON.stringify({ event, ...more })}\n`);

let nowMs = SPOOL.startMs;
const open = () =>
  LocalSpool.open({ ...SPOOL.options, folder, durability: durability as "fsync" | "none", now: () => nowMs });
let spool = await open();
let number = 0;

interface Sending {
  readonly offer: Offer;
  readonly bytes: Buffer;
  readonly digest: string;
}

/** A file that is named after how to make its content. */
function newFile(size: number): Sending {
  number++;
  const bytes = content(size, number);
  const digest = createDigest("blake3");
  digest.update(bytes);
  const transfer = number.toString(16).padStart(32, "0");
  const offer = { transfer, queue: pick(random, ["a", "b"]), name: `${number}-${size}`, size, algorithm: "blake3" };
  return { offer, bytes, digest: digest.hex() };
}

async function begin({ offer, digest }: Sending): Promise<Upload> {
  const { transfer } = offer;
  say("offered", { ...offer, digest });
  const tell = (offset: number) => void say("durable", { transfer, offset });
  const answer = await spool.offer(offer, { onDurable: tell, onSuperseded: () => {} });
  if (answer.kind !== "upload") throw new Error("it is stored already");
  if (answer.upload.offset > 0) tell(answer.upload.offset);
  return answer.upload;
}

async function append(upload: Upload, { bytes }: Sending, to: number): Promise<void> {
  for (let at = upload.offset; at < to; at += 10_000)
    await upload.append(at, [bytes.subarray(at, Math.min(to, at + 10_000))]);
}

async function finish(upload: Upload, { offer: { transfer }, digest }: Sending): Promise<void> {
  say("finishing", { transfer });
  await upload.finish(digest);
  say("stored", { transfer });
}

async function store(file: Sending): Promise<void> {
  const upload = await begin(file);
  await append(upload, file, file.offer.size);
  await finish(upload, file);
}

async function ack({ token, transfer }: Delivery): Promise<void> {
  say("acking", { transfer });
  await spool.ack(token);
  say("acked", { transfer });
}

async function nack({ token, transfer, attempt }: Delivery): Promise<void> {
  say("nacking", { transfer });
  if (await spool.nack(token, "no")) say("dead", { transfer });
  else say("nacked", { transfer, failures: attempt });
}

const suspended: Sending[] = [];

const ACTIONS: (() => Promise<unknown>)[] = [
  // Several small files at once share a commit.
  () => Promise.all(Array.from({ length: 1 + upTo(6) }, () => store(newFile(upTo(SPOOL.options.inlineBytesMax))))),
  () => store(newFile(5000 + upTo(40_000))),
  () => Promise.all([store(newFile(5000 + upTo(9000))), store(newFile(upTo(100))), store(newFile(0))]),
  async () => {
    const file = newFile(20_000 + upTo(30_000));
    const upload = await begin(file);
    await append(upload, file, 1 + upTo(file.offer.size - 1));
    await upload.suspend();
    suspended.push(file);
  },
  async () => {
    const file = suspended.shift();
    if (file) await store(file);
  },
  async () => {
    const file = suspended.length > 1 ? (suspended.shift() as Sending) : newFile(3000 + upTo(20_000));
    const upload = await begin(file);
    await append(upload, file, upTo(file.offer.size));
    say("cancelling", { transfer: file.offer.transfer });
    await upload.cancel();
    say("cancelled", { transfer: file.offer.transfer });
  },
  async () => {
    const queue = pick(random, ["a", "b"]);
    const leased = [await spool.lease(queue), await spool.lease(queue), await spool.lease(queue)];
    await Promise.all(leased.map((delivery) => delivery && (random() < 0.6 ? ack(delivery) : nack(delivery))));
  },
  async () => {
    const delivery = await spool.lease("a");
    const transfer = delivery?.transfer;
    if (delivery) say("nacking", { transfer });
    nowMs += SPOOL.options.limits.leaseMs + 1;
    const { leases } = await spool.sweep();
    const isDead = leases.some((lease) => lease.transfer === transfer && lease.dead);
    if (delivery) say(isDead ? "dead" : "nacked", { transfer, failures: delivery.attempt });
  },
  async () => {
    say("forgetting");
    nowMs += SPOOL.options.limits.tombstoneTtlMs + 1;
    await spool.sweep();
  },
  async () => {
    await spool.close();
    spool = await open();
  },
];

/** More than the batch writer writes without a sync of its own. */
if (process.env.POWER_LARGE) await store(newFile(17 * 1024 * 1024));
for (let round = 0; round < Number(rounds); round++) {
  // Everything once, then whatever comes.
  await (ACTIONS[round] ?? pick(random, ACTIONS))();
}
await spool.close();
