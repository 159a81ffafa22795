/** Page 4: a sender says what it may, and what it may not, and the queues are a stand-in that a law can hold up. */
import type { Answer, Offer, Queues, Stored, Upload } from "../../../minimal/queues.ts";
import { FilespoolError, joinParts, type Message } from "../../../src/protocol/index.ts";
import { Peer } from "../world/peer.ts";
import * as spool from "../world/spool.ts";
import { line, settle } from "../world/wire.ts";
import { broken, expect, type Laws, type Load } from "./law.ts";

const { contentOf, digestOfFile, idOf, offerOf } = spool;

/** Queues that only remember what they were told. Each answer can be held back, or be an error. */
class StandIn {
  readonly digests = ["sha256"];
  readonly listeners = new Set<() => void>();
  readonly stored = new Map<string, string>();
  readonly removed: string[] = [];
  hold: Promise<void> | undefined;
  refuses: string | null = null;
  breaksAt = "";
  /** Every so many bytes the stand-in is on disk. */
  syncBytes = Number.POSITIVE_INFINITY;

  async offer(offer: Offer): Promise<Answer> {
    await this.hold;
    if (offer.transfer === this.refuses) throw new FilespoolError("queue-full");
    const stored = this.stored.has(offer.transfer);
    if (stored) return { stored: { ...offer, digest: "ab".repeat(32) }, collected: false };
    const pieces: Uint8Array[] = [];
    const file = {
      ...{ next: 0, durable: 0, isOpen: true, sync: async () => {} },
      append: async ({ parts, length }: { parts: readonly Uint8Array[]; length: number }) => {
        await this.hold;
        if (offer.transfer === this.breaksAt) throw new FilespoolError("disk-full");
        pieces.push(Uint8Array.from(joinParts(parts)));
        file.next += length;
        const isDue = file.next - file.durable >= this.syncBytes;
        if (isDue) file.durable = file.next;
        return isDue;
      },
      finish: async () => void this.stored.set(offer.transfer, Buffer.concat(pieces).toString()),
      close: async () => {
        file.isOpen = false;
      },
      remove: async () => void this.removed.push(offer.transfer),
    };
    return { offer, file, onSuperseded: () => {} };
  }

  async finish(upload: Upload, digest: string, size: number): Promise<Stored> {
    await this.hold;
    await upload.file.finish(digest, size);
    await upload.file.close();
    return { ...upload.offer, size, digest };
  }
}

export async function laws(load: Load): Promise<Laws> {
  const { createServer } = await load("server");
  /** What the server last said to the people who run it. */
  let trouble = "";

  /** A sender of the law's, in a conversation with the reader's server. */
  async function meet(queues = new StandIn()): Promise<{ queues: StandIn; peer: Peer; leave(): void }> {
    const [client, server] = line();
    const peer = new Peer(client);
    const emit = (event: string, fields: object) => {
      if (event === "error") trouble = (fields as Error).message;
    };
    void createServer(queues as unknown as Queues, emit).accept(server);
    await peer.greet("sender");
    return { queues, peer, leave: () => client.destroy() };
  }

  const offer = (number: number, more: object = {}): Message => ({
    ...{ type: "offer", wait: false, ...offerOf(number) },
    ...more,
  });
  const finish = (number: number, more: object = {}): Message => ({
    ...{ type: "finish", transfer: idOf(number), digest: digestOfFile(number) },
    ...more,
  });

  /** All that a sender says of a small file, without a question. */
  function sayFile(peer: Peer, number: number): void {
    peer.say(offer(number));
    peer.sayData(0, contentOf(number));
    peer.say(finish(number));
  }

  /** What the server said, in a few words: "stored 1, refuse 2". */
  async function answers(peer: Peer): Promise<string> {
    const number = (text: string) => (/^\d+$/.test(text) ? Number(text) : text);
    const words = (await peer.rest()).map((heard) => {
      if (heard.type === "stored" || heard.type === "accept") return `${heard.type} ${number(heard.transfer)}`;
      if (heard.type === "refuse") return `refuse ${number(heard.about)}`;
      if (heard.type === "error" && heard.code === "internal") broken(trouble.replace(/^internal error: /, ""));
      return heard.type === "error" ? `error ${heard.code}` : heard.type;
    });
    return words.join(", ") || "nothing";
  }

  return {
    "a file is stored, and its sender hears of it": async () => {
      const { peer, queues, leave } = await meet();
      sayFile(peer, 1);
      const said = await answers(peer);
      expect(said === "stored 1", `it heard: ${said}`);
      expect(queues.stored.get(idOf(1)) === contentOf(1).toString(), `stored is: ${queues.stored.get(idOf(1))}`);
      leave();
    },

    "stored is said when the queues have the file, and not before": async () => {
      const { peer, queues, leave } = await meet();
      peer.say(offer(1));
      peer.sayData(0, contentOf(1));
      await settle();
      let release = () => {};
      queues.hold = new Promise((done) => {
        release = done;
      });
      peer.say(finish(1));
      const early = await answers(peer);
      expect(early === "nothing", `the disk was busy, and the sender heard: ${early}`);
      release();
      const said = await answers(peer);
      expect(said === "stored 1", `it heard: ${said}`);
      leave();
    },

    "the rest of a refused file, already on its way, harms nobody": async () => {
      const { peer, queues, leave } = await meet();
      queues.refuses = idOf(1);
      for (const number of [1, 2]) sayFile(peer, number);
      const said = await answers(peer);
      expect(said === "refuse 1, stored 2", `it heard: ${said}`);
      expect(queues.stored.get(idOf(2)) === contentOf(2).toString(), `stored is: ${queues.stored.get(idOf(2))}`);
      leave();
    },

    "a file that is here already is answered, and what still comes is passed over": async () => {
      const { peer, queues, leave } = await meet();
      queues.stored.set(idOf(1), "as it is");
      for (const number of [1, 2]) sayFile(peer, number);
      const said = await answers(peer);
      expect(said === "stored 1, stored 2", `it heard: ${said}`);
      expect(queues.stored.get(idOf(1)) === "as it is", "its content was stored anew");
      leave();
    },

    "a disk that fails refuses one file, and the next one is stored": async () => {
      const { peer, queues, leave } = await meet();
      queues.breaksAt = idOf(1);
      for (const number of [1, 2]) sayFile(peer, number);
      const said = await answers(peer);
      expect(said === "refuse 1, stored 2", `it heard: ${said}`);
      leave();
    },

    "while the server is busy with a frame, it takes no other": async () => {
      for (const moment of ["an offer", "a chunk"]) {
        const { peer, queues, leave } = await meet();
        if (moment === "a chunk") peer.say(offer(1, { size: 50_000 }));
        await settle();
        queues.hold = new Promise(() => {});
        const { reads } = peer.wire.other;
        if (moment === "an offer") peer.say(offer(1, { size: 50_000 }));
        for (let at = 0; at < 20; at++) peer.sayData(at * 2000, Buffer.alloc(2000, "x"));
        await settle(60);
        const taken = peer.wire.other.reads - reads;
        expect(taken <= 1, `it was busy with ${moment}, and took ${taken} more reads from the wire`);
        leave();
      }
    },

    "a second offer inside a file breaks a rule": async () => {
      const { peer, queues, leave } = await meet();
      peer.say(offer(1, { size: 5000 }));
      peer.sayData(0, Buffer.alloc(2000, "x"));
      peer.say(offer(2));
      const said = await answers(peer);
      expect(said === "error frame-unexpected", `it heard: ${said}`);
      expect(queues.stored.size === 0, `stored is: ${[...queues.stored.values()]}`);
      leave();
    },

    "a finish about another file, or without a size, breaks a rule": async () => {
      for (const [what, file, end] of [
        ["another file", offer(1), finish(2)],
        ["a stream of unknown size", offer(1, { size: Infinity }), finish(1)],
      ] as const) {
        const { peer, leave } = await meet();
        peer.say(file);
        peer.sayData(0, Buffer.alloc(2000, "x").subarray(0, what === "another file" ? contentOf(1).length : 2000));
        peer.say(end);
        const said = await answers(peer);
        expect(said === "error message-invalid", `the finish was about ${what}, and it heard: ${said}`);
        leave();
      }
    },

    "a short chunk tells how long a stream is, and in a file it breaks a rule": async () => {
      const stream = await meet();
      stream.peer.say(offer(1, { size: Infinity }));
      stream.peer.sayData(0, Buffer.alloc(1024, "x"));
      stream.peer.sayData(1024, Buffer.from("end"));
      stream.peer.say(finish(1));
      const said = await answers(stream.peer);
      expect(said === "stored 1", `the stream ended with a short chunk, and it heard: ${said}`);
      stream.leave();
      const file = await meet();
      file.peer.say(offer(1, { size: 5000 }));
      file.peer.sayData(0, Buffer.from("tiny"));
      const other = await answers(file.peer);
      expect(other === "error flood", `a file began with a chunk of 4 bytes, and it heard: ${other}`);
      file.leave();
    },

    "progress is what is durable, told when that has grown": async () => {
      const { peer, queues, leave } = await meet();
      queues.syncBytes = 4000;
      peer.say(offer(1, { size: 20_000, wait: true }));
      await peer.until("accept");
      const told: number[] = [];
      for (let at = 0; at < 10; at++) peer.sayData(at * 1500, Buffer.alloc(1500, "x"));
      for (const heard of await peer.rest()) if (heard.type === "progress") told.push(heard.offset);
      if (told.join() !== "4500,9000,13500") broken(`durable became 4500, 9000 and 13500, and told was: ${told}`);
      leave();
    },

    "a file that its sender gives up leaves nothing": async () => {
      const { peer, queues, leave } = await meet();
      peer.say(offer(1, { size: 5000 }));
      peer.sayData(0, Buffer.alloc(2000, "x"));
      peer.say({ type: "cancel", transfer: idOf(1) });
      sayFile(peer, 2);
      const said = await answers(peer);
      expect(said === "stored 2", `it heard: ${said}`);
      expect(queues.removed.join() === idOf(1), "what had arrived was kept");
      leave();
    },
  };
}
