/** What receivers hear of the rest of a queue while a verdict on one of its files is being written down. */
import { describe, expect, test } from "vitest";
import { FilespoolError } from "../../src/protocol/errors.ts";
import type { Message } from "../../src/protocol/messages.ts";
import type { Spool } from "../../src/spool/contract.ts";
import type { InspectableSpool } from "../support/inspectable-spool.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { type RunningServer, Workspace } from "../support/workspace.ts";

/** Where calls wait: `reached` when one has come that far, `open` lets them all through. */
class Gate {
  reach: () => void = () => {};
  open: () => void = () => {};
  readonly reached = new Promise<void>((resolve) => {
    this.reach = resolve;
  });
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

/** Acks take their file off the count at once, and are on disk when the gate opens: as in a spool on a slow disk. */
function holdAcks({ index }: InspectableSpool): Gate {
  const { collect } = index;
  const slow = new Gate();
  index.collect = async (...values) => {
    const taken = collect.apply(index, values);
    slow.reach();
    await slow.opened;
    return taken;
  };
  return slow;
}

/** A failure is on disk when the gate opens, and the file is not back before that. */
function holdNacks({ index }: InspectableSpool): Gate {
  const { update, move } = index;
  const slow = new Gate();
  const slowly = async (write: () => Promise<void>) => {
    slow.reach();
    await slow.opened;
    return write();
  };
  index.update = (...values) => slowly(() => update.apply(index, values));
  index.move = (...values) => slowly(() => move.apply(index, values));
  return slow;
}

async function receiver({ port }: RunningServer): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  await peer.greet("receiver");
  return peer;
}

const want = (files: number): Message => ({ type: "want", files });

/** What the server has said by the time it has answered twice: whatever it was about to say is among it. */
async function saidBy(peer: RawPeer): Promise<string[]> {
  const said: string[] = [];
  for (const delivery of ["unknown-1", "unknown-2"]) {
    peer.send({ type: "ack", delivery });
    for (let frame = await peer.next(); frame; frame = await peer.next()) {
      if (frame.type === "refuse" && frame.about === delivery) break;
      said.push(frame.type);
    }
  }
  return said;
}

test("while an ack is being written down, its file counts for the others, and not for the one that acked", async () => {
  const work = new Workspace();
  const server = await work.serve();
  await work.send({ port: server.port, files: [work.write("a", "a")] }).done;
  const slow = holdAcks(server.spool);
  const [first, second] = [await receiver(server), await receiver(server)];
  const { delivery } = await first.send(want(1)).until("deliver");
  first.send({ type: "ack", delivery });
  await slow.reached;
  expect(server.spool.waiting("default")).toBe(0);
  // A receiver that hears 0 forgets what it has landed; if the ack fails, the file comes again.
  expect(await second.send(want(1)).until("empty")).toMatchObject({ leased: 1 });
  expect(await first.send(want(1)).until("empty")).toMatchObject({ leased: 0 });
  slow.open();
  expect(await first.until("acked")).toMatchObject({ delivery });
  expect(await second.send(want(1)).until("empty")).toMatchObject({ leased: 0 });
});

describe("while a failed attempt is being written down, nothing is said of the rest of the queue", () => {
  const causes: [string, (peer: RawPeer, delivery: string) => void, (spool: Spool) => void][] = [
    [
      "refused by its receiver",
      (peer, delivery) => void peer.send({ type: "nack", delivery, counts: true, reason: "no" }),
      () => {},
    ],
    [
      "withdrawn, since it cannot be read",
      () => {},
      (spool) => {
        spool.read = () => Promise.reject(new FilespoolError("spool-unusable", "said the test"));
      },
    ],
  ];
  const ends: [string, number, "deliver" | "empty"][] = [
    ["comes again", 2, "deliver"],
    ["is a dead letter, and the receiver hears that nothing is left", 1, "empty"],
  ];

  test.each(causes.flatMap(([cause, fail, prepare]) => ends.map((end) => [cause, ...end, fail, prepare] as const)))(
    "a file that was %s, then %s",
    async (_, __, failuresMax, next, fail, prepare) => {
      const work = new Workspace();
      // In a file, so that it has to be read.
      const server = await work.serve({ spool: { limits: { failuresMax }, inlineBytesMax: 0 } });
      await work.send({ port: server.port, files: [work.write("a", "a")] }).done;
      const slow = holdNacks(server.spool);
      prepare(server.spool);
      const peer = await receiver(server);
      const { delivery } = await peer.send(want(1)).until("deliver");
      fail(peer, delivery);
      await slow.reached;
      peer.send(want(1));
      expect(await saidBy(peer)).not.toContain("empty");
      slow.open();
      let frame = await peer.next();
      while (frame?.type === "data") frame = await peer.next(); // where it could be read
      expect(frame).toMatchObject(next === "deliver" ? { type: next, attempt: 2 } : { type: next, leased: 0 });
    },
  );
});

test("a one-shot receiver that comes while a lease runs out gets its file, and does not end with nothing", async () => {
  const work = new Workspace();
  const server = await work.serve({ spool: { limits: { leaseMs: 200 } } });
  await work.send({ port: server.port, files: [work.write("a", "a")] }).done;
  const frozen = await receiver(server);
  const slow = holdNacks(server.spool);
  await frozen.send(want(1)).until("deliver");
  await slow.reached; // a sweep has ended the lease, and the failure is being written down
  const { lease } = server.spool;
  const asked = new Promise<void>((resolve) => {
    server.spool.lease = (queue) => {
      resolve();
      return lease.call(server.spool, queue);
    };
  });
  const { done } = work.receive({ port: server.port });
  await asked;
  slow.open();
  expect(await done).toMatchObject({ landed: 1, elsewhere: 0 });
});
