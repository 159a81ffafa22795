/** Page 6: after any cut both ends go on from the byte that is missing, and the file is right. */
import { join } from "node:path";
import { digestOf } from "../../../src/disk/digest.ts";
import { LIMITS, type Message } from "../../../src/protocol/index.ts";
import { Disk } from "../world/disk.ts";
import { Peer } from "../world/peer.ts";
import * as spool from "../world/spool.ts";
import { line } from "../world/wire.ts";
import { INBOX, World } from "../world/world.ts";
import { chunk } from "./03-cutting.ts";
import { broken, expect, type Laws, type Load, thrownBy } from "./law.ts";

const { CUTS, idOf, openQueues, recordsIn, store, untilCut } = spool;
const KiB = 1024;
const SMALL = Buffer.from("abcdefghijklmnopqrstuvwxyz");
/** Larger than what is sent without a question, and different at each place. */
const LARGE = Buffer.from(Array.from({ length: 600 * KiB }, (_, at) => (at * 7 + (at >> 8)) & 255));
const DIGEST = digestOf("sha256", LARGE);
const PIPELINED = LIMITS.pipelineBytesMax;

export async function laws(load: Load): Promise<Laws> {
  const [files, queues, { send }, { receive }] = [
    ...[await load("growing-file"), await load("queues"), await load("send"), await load("receive")],
  ] as const;

  /** Runs the reader's sender against a server of the law's that has `has` bytes. @returns what it sent */
  async function sendTo(has: number, pipelineBytesMax = 0): Promise<{ from: number; digest: string; waits: boolean }> {
    const disk = new Disk();
    disk.put("large.bin", LARGE);
    const [client, server] = line();
    const peer = new Peer(server);
    const dial = async () => client;
    const sending = send({ dial, emit: () => {}, queue: "default" }, [join(disk.root, "large.bin")]);
    await peer.welcome({ pipelineBytesMax });
    const { transfer, wait } = await peer.until("offer");
    if (wait) peer.say({ type: "accept", transfer, offset: has });
    const pieces: Buffer[] = [];
    let [from, next] = [-1, 0];
    let heard = await peer.next();
    for (; heard?.type !== "finish"; heard = await peer.next()) {
      if (heard?.type !== "data") broken(`inside of the file it said ${JSON.stringify(heard)}`);
      if (from < 0) from = next = heard.offset;
      expect(heard.offset === next, `it sent bytes from ${heard.offset} on, and ${next} was next`);
      pieces.push(heard.bytes);
      next += heard.bytes.length;
    }
    expect(
      from < 0 || Buffer.concat(pieces).equals(LARGE.subarray(from)),
      "it sent other bytes than those of the file",
    );
    const { digest } = heard;
    peer.say({ type: "stored", transfer, digest, repeated: false, collected: false });
    await peer.until("bye");
    peer.wire.end();
    const [failure] = await sending;
    if (failure) broken(`stored was said, and it reports: ${failure.message}`);
    return { from: from < 0 ? LARGE.length : from, digest, waits: wait };
  }

  /** One run of the reader's receiver, which is cut after so many bytes of content. @returns its `start` */
  async function receiveWithCut(disk: Disk, cutAt: number): Promise<number> {
    const [client, server] = line();
    const peer = new Peer(server);
    const lines = [client];
    const dial = async () => lines.shift() ?? Promise.reject(new Error("killed"));
    const output = join(disk.root, INBOX);
    const receiving = thrownBy(() =>
      receive({ dial, emit: () => {}, queue: "default", output, origin: "law", follow: false }),
    );
    await peer.welcome({ pipelineBytesMax: 0 });
    await peer.until("want");
    const file = { transfer: idOf(1), queue: "default", name: "large.bin", size: LARGE.length, algorithm: "sha256" };
    const deliver: Message = { type: "deliver", delivery: "token", digest: DIGEST, attempt: 1, ...file };
    peer.say(deliver);
    const { offset } = await peer.until("start");
    const end = Math.min(cutAt, LARGE.length);
    for (let at = offset; at < end; at += 100 * KiB)
      peer.sayData(at, LARGE.subarray(at, Math.min(at + 100 * KiB, end)));
    if (cutAt < LARGE.length) peer.wire.break();
    else await peer.rest();
    peer.wire.destroy();
    await receiving;
    return offset;
  }

  return {
    "a file goes on behind what a killed program has left, at any byte": async () => {
      for (let left = 0; left <= SMALL.length; left++) {
        const disk = new Disk();
        if (left > 0) disk.put("part", SMALL.subarray(0, left));
        const file = await files.openGrowingFile(`${disk.root}/part`, SMALL.length, "sha256");
        expect(file.next === left, `${left} bytes were left, and next is ${file.next}`);
        if (left < SMALL.length) await file.append(chunk(SMALL, left, SMALL.length));
        await file.finish(digestOf("sha256", SMALL), SMALL.length);
        const text = disk.files().get("part")?.toString();
        expect(text === SMALL.toString(), `${left} bytes were left, and in the end there is ${text}`);
      }
    },

    "what is called durable survives a power cut, also when a killed program wrote it": async () => {
      const disk = new Disk();
      const first = await files.openGrowingFile(`${disk.root}/part`, SMALL.length, "sha256");
      await first.append(chunk(SMALL, 0, 10));
      const after = disk.afterKill();
      const { durable } = await files.openGrowingFile(`${after.root}/part`, SMALL.length, "sha256");
      const there = after.afterPowerCut().files().get("part")?.length ?? 0;
      expect(durable === 10, `10 bytes were there, and durable is ${durable}`);
      expect(there >= durable, `durable was ${durable}, and a power cut leaves ${there} bytes`);
    },

    "after any power cut the senders come back, and each file is there once": async () => {
      const storeBoth = async (disk: Disk) => {
        const opened = await openQueues(queues, disk);
        for (const number of [1, 2]) await store(opened, number);
      };
      const whole = new Disk();
      await storeBoth(whole);
      for (let cutAt = 0; cutAt <= whole.calls.length; cutAt++)
        for (const names of CUTS) {
          const disk = new Disk();
          disk.cutAt = cutAt;
          await untilCut(() => storeBoth(disk));
          const after = disk.afterPowerCut({ names });
          await storeBoth(after);
          const seen = recordsIn(after, "queues").map(({ transfer }) => Number(transfer));
          const where = whole.calls[cutAt] ?? "the end";
          expect(seen.join() === "1,2", `cut before "${where}", and both files sent again: in queues/ is ${seen}`);
        }
    },

    "a sender sends what the server lacks, and the digest is of the whole file": async () => {
      for (const has of [0, 1, 1024, 256 * KiB - 1, 256 * KiB, 256 * KiB + 1, LARGE.length - 1, LARGE.length]) {
        const { from, digest } = await sendTo(has);
        expect(from <= has, `the server has ${has} bytes, and it sent from ${from} on`);
        expect(from > has - 256 * KiB, `the server has ${has} bytes, and it sent from ${from} on once more`);
        expect(digest === DIGEST, `the server has ${has} bytes, and the digest is another one`);
      }
    },

    "a receiver asks for what its disk lacks, after a cut at any place": async () => {
      for (const cutAt of [0, 1024, 100 * KiB + 1024, LARGE.length - 1024]) {
        const disk = new Disk();
        await receiveWithCut(disk, cutAt);
        const has = largest(disk);
        const start = await receiveWithCut(disk.afterKill(), LARGE.length);
        expect(start === has, `cut after ${cutAt} bytes, it has ${has} on its disk, and asked from ${start} on`);
        expect(has >= cutAt - 100 * KiB, `cut after ${cutAt} bytes, it has only ${has}`);
      }
    },

    "after two cuts the file at the receiver is whole": async () => {
      let disk = new Disk();
      for (const cutAt of [150 * KiB, 400 * KiB, LARGE.length]) {
        await receiveWithCut(disk, cutAt);
        disk = disk.afterKill();
      }
      const isThere = [...disk.files().values()].some((bytes) => bytes.equals(LARGE));
      expect(isThere, `the longest of its files has ${largest(disk)} of ${LARGE.length} bytes, or other ones`);
    },

    "sender and server get a file through a line that breaks at any place": async () => {
      for (let breaksAt = 1000; breaksAt < LARGE.length + 2000; breaksAt += 120_011) {
        const world = await World.start(load);
        world.clientDisk.put("large.bin", LARGE);
        world.onLine = (client) => {
          client.breaksAt = breaksAt;
          world.onLine = (next) => {
            const arrived = largest(world.serverDisk);
            again = () => next.written - (LARGE.length - arrived);
          };
        };
        let again = () => 0;
        const [failure] = await world.send("large.bin");
        if (failure) broken(`the line broke after ${breaksAt} bytes, and it gave up: ${failure.message}`);
        expect(world.queues.waiting("default") === 1, `the line broke after ${breaksAt} bytes, and nothing waits`);
        if (again() > PIPELINED + 256 * KiB) broken(`the line broke after ${breaksAt} bytes, and it began anew`);
        world.end();
      }
    },
  };

  function largest(disk: Disk): number {
    return Math.max(0, ...[...disk.files()].filter(([path]) => path !== "large.bin").map(([, { length }]) => length));
  }
}
