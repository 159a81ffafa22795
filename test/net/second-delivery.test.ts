/** A file that comes twice, or whose ack is not taken: it lands once, and its server is not pressed. */
import { describe, expect, test } from "vitest";
import type { IfExists } from "../../src/net/options.ts";
import type { Message, MessageOf } from "../../src/protocol/messages.ts";
import { content, sha256 } from "../support/content.ts";
import { replaceFileMethod } from "../support/disk-faults.ts";
import { dataFrameOf, frameOf, idOf, listenRaw, type RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const SIZES: [string, number][] = [
  ["small", 100],
  ["large", 300 * KiB],
];

const deliverOf = (attempt: number, bytes: Uint8Array): MessageOf<"deliver"> => ({
  ...{ type: "deliver", delivery: `d-${attempt}`, transfer: idOf(1), queue: "default", name: "a", attempt },
  ...{ size: bytes.length, algorithm: "sha256", digest: sha256(bytes) },
});

/** Greets a receiver and waits until it wants files. */
async function greet(peer: RawPeer): Promise<void> {
  await peer.until("hello");
  peer.send(WELCOME);
  await peer.until("want");
}

/** Confirms what is acked from here on, until the receiver says goodbye; `onVerdict` sees each ack and nack. */
async function confirm(peer: RawPeer, onVerdict: (verdict: Message) => void): Promise<void> {
  for (let frame = await peer.next(); frame && frame.type !== "bye"; frame = await peer.next()) {
    if (frame.type === "ack" || frame.type === "nack") onVerdict(frame);
    if (frame.type === "ack") peer.send({ type: "acked", delivery: frame.delivery });
  }
  peer.socket.end();
}

describe("a file whose lease ran out on the way, and that comes again before the first copy has landed", () => {
  test.each(
    SIZES.flatMap(([kind, size]) => (["refuse", "rename"] as const).map((rule) => [kind, rule, size] as const)),
  )("lands once, and both deliveries are acked (%s file, %s)", async (_, ifExists: IfExists, size) => {
    const work = new Workspace();
    const bytes = content(size);
    const verdicts: Message[] = [];
    const port = await listenRaw(async (peer) => {
      await greet(peer);
      const [first, second] = [deliverOf(1, bytes), deliverOf(2, bytes)];
      const isSmall = size <= WELCOME.pipelineBytesMax;
      if (!isSmall) {
        peer.send(first);
        await peer.until("start");
      }
      peer.write(
        Buffer.concat([
          ...(isSmall ? [frameOf(first)] : []),
          ...[dataFrameOf(0, bytes), frameOf(second)],
          ...(isSmall ? [dataFrameOf(0, bytes)] : []),
          frameOf({ type: "empty", leased: 0 }),
        ]),
      );
      await confirm(peer, (verdict) => verdicts.push(verdict));
    });
    // The disk is so slow that the first copy lands only after the second was announced.
    let announce: () => void = () => {};
    const announced = new Promise<void>((resolve) => {
      announce = resolve;
    });
    await replaceFileMethod(
      "datasync",
      (datasync) =>
        async function () {
          await announced;
          return datasync.call(this);
        },
    );
    const receiver = work.receive({ port, ifExists, retryMs: 0 });
    void receiver.events.waitForCount("delivered", 2).then(announce);
    expect(await receiver.done).toMatchObject({ landed: 1, skipped: 0, bytes: size, failures: [] });
    expect(verdicts).toEqual([
      { type: "ack", delivery: "d-1" },
      { type: "ack", delivery: "d-2" },
    ]);
    expect(receiver.events.all("landed")).toHaveLength(1);
    expect(work.list()).toEqual(["a"]);
    expect(work.read("out", "a").equals(bytes)).toBe(true);
  });
});

test("an ack that its server cannot write down ends the connection; the next comes after a pause", async () => {
  const work = new Workspace();
  const bytes = content(100);
  const acks: number[] = [];
  let attempt = 0;
  const port = await listenRaw(async (peer, number) => {
    const deliver = () => peer.write(Buffer.concat([frameOf(deliverOf(++attempt, bytes)), dataFrameOf(0, bytes)]));
    await greet(peer);
    deliver();
    for (let frame = await peer.next(); frame; frame = await peer.next()) {
      if (frame.type !== "ack") continue;
      acks.push(number);
      if (acks.length < 4) {
        peer.send({ type: "refuse", about: frame.delivery, code: "disk-full", message: "no space left" });
        deliver();
      } else peer.send({ type: "acked", delivery: frame.delivery }, { type: "empty", leased: 0 });
    }
    peer.socket.end();
  });
  const receiver = work.receive({ port });
  expect(await receiver.done).toMatchObject({ landed: 1, skipped: 0, failures: [] });
  const pauses = receiver.events.all("retrying");
  expect(pauses.map(({ code }) => code)).toEqual(["disk-full", "disk-full", "disk-full"]);
  for (const { delayMs } of pauses) expect(delayMs).toBeGreaterThan(0);
  expect(acks).toEqual([1, 2, 3, 4]); // one on each connection
  expect(receiver.events.all("landed")).toHaveLength(1);
  expect(work.list()).toEqual(["a"]);
});
