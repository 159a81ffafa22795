/** Conversations made up by chance: most are wrong somewhere, and some are right. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../src/protocol/messages.ts";
import { anyMessage } from "../protocol/samples.ts";
import { content, sha256 } from "../support/content.ts";
import { idOf, RawPeer } from "../support/raw-peer.ts";
import { type RunningServer, Workspace } from "../support/workspace.ts";

const KiB = 1024;
const SIZES = [0, 5, 20 * KiB, 80 * KiB];

type Step = (peer: RawPeer) => void;

const number = fc.integer({ min: 1, max: 3 });
const size = fc.constantFrom(...SIZES);
const say = <T>(what: fc.Arbitrary<T>, message: (value: T) => Message): fc.Arbitrary<Step> =>
  what.map((value) => (peer: RawPeer) => void peer.send(message(value)));

const offerOf = (transfer: number, bytes: number, wait: boolean): Message => ({
  ...{
    type: "offer",
    transfer: idOf(transfer),
    queue: "fuzz",
    name: `${transfer}`,
    algorithm: "sha256",
    size: bytes,
    wait,
  },
});
const finishOf = (transfer: number, bytes: number): Message => ({
  ...{ type: "finish", transfer: idOf(transfer), digest: sha256(content(bytes)) },
});

/** Whole files, parts of files, and things that do not belong together. */
const senderStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(number, size).map(([transfer, bytes]) => (peer: RawPeer) => {
      peer.send(offerOf(transfer, bytes, bytes > 64 * KiB));
      if (bytes > 0) peer.sendData(0, content(bytes));
      peer.send(finishOf(transfer, bytes));
    }),
  },
  say(fc.tuple(number, size, fc.boolean()), ([transfer, bytes, wait]) => offerOf(transfer, bytes, wait)),
  fc.tuple(fc.nat({ max: 80 * KiB }), size).map(
    ([offset, bytes]) =>
      (peer: RawPeer) =>
        void peer.sendData(offset, content(bytes + 1)),
  ),
  say(fc.tuple(number, size), ([transfer, bytes]) => finishOf(transfer, bytes)),
  say(number, (transfer) => ({ type: "cancel", transfer: idOf(transfer) })),
  say(anyMessage, (message) => message),
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => (peer: RawPeer) => void peer.write(bytes)),
);

const receiverStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: say(fc.integer({ min: 1, max: 256 }), (files) => ({ type: "want", files })) },
  say(anyMessage, (message) => message),
);
const verdict = fc.constantFrom("ack", "start", "working", "nack", "nack-counts", "twice", "none");

function answer(peer: RawPeer, delivery: string, how: string): void {
  if (how === "ack" || how === "working") peer.send({ type: how, delivery });
  if (how === "start") peer.send({ type: how, delivery, offset: 7 });
  if (how.startsWith("nack")) peer.send({ type: "nack", delivery, counts: how === "nack-counts", reason: "chance" });
  if (how === "twice") peer.send({ type: "ack", delivery }, { type: "nack", delivery, counts: true, reason: "and no" });
}

async function fuzzSender({ port }: RunningServer, steps: readonly Step[]): Promise<void> {
  const peer = await RawPeer.connect(port);
  await peer.greet("sender");
  for (const step of steps) step(peer);
  await peer.send({ type: "bye" }).ending();
  peer.socket.end();
  await peer.closed;
}

/** Answers deliveries by `verdicts`, in turn. A start of no delivery is refused: that is how it knows it was heard. */
async function fuzzReceiver(
  { port }: RunningServer,
  steps: readonly Step[],
  verdicts: readonly string[],
): Promise<void> {
  const peer = await RawPeer.connect(port);
  await peer.greet("receiver", { queue: "fuzz" });
  for (const step of steps) step(peer);
  const knock: Message = { type: "start", delivery: "knock", offset: 0 };
  let turn = 0;
  peer.send(knock);
  for (let frame = await peer.next(); frame && frame.type !== "error"; frame = await peer.next()) {
    if (frame.type === "deliver") answer(peer, frame.delivery, verdicts[turn++ % verdicts.length] ?? "ack");
    if (frame.type === "refuse" && frame.about === "knock") peer.send(turn++ < 8 ? knock : { type: "bye" });
  }
  peer.socket.end();
  await peer.closed;
}

test("no conversation, however wrong, harms the server or the files of others", async () => {
  const work = new Workspace();
  const server = await work.serve({ spool: { limits: { failuresMax: 3 } } });
  const { port, events, spool } = server;
  const precious = Array.from({ length: 5 }, (_, at) => work.write(`precious-${at}`, content(at * 30 * KiB, at)));
  await work.send({ port, queue: "others", files: precious }).done;
  const run = fc.record({
    sender: fc.array(senderStep, { maxLength: 12 }),
    receiver: fc.array(receiverStep, { maxLength: 4 }),
    verdicts: fc.array(verdict, { minLength: 1, maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(run, { minLength: 1, maxLength: 3 }), async (runs) => {
      await Promise.all(
        runs.flatMap((run) => [fuzzSender(server, run.sender), fuzzReceiver(server, run.receiver, run.verdicts)]),
      );
      await events.waitFor("disconnected", () => events.all("disconnected").length >= events.all("connected").length);
      expect(events.all("error")).toEqual([]);
    }),
    { numRuns: 60 },
  );
  // Whatever became visible on the way is whole; the receiver would say so if it were not.
  expect((await work.receive({ port, queue: "fuzz", ifExists: "rename" }).done).failures).toEqual([]);
  expect(spool.waiting("fuzz")).toBe(0);
  expect(await work.receive({ port, queue: "others", out: work.path("others") }).done).toMatchObject({ landed: 5 });
  for (const [at, path] of precious.entries())
    expect(work.read("others", path.slice(path.lastIndexOf("/") + 1)).equals(content(at * 30 * KiB, at))).toBe(true);
});
