import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Conversation } from "../../src/protocol/state-machine.ts";
import { UPLOAD_SENDER, UPLOAD_SERVER } from "../../src/protocol/upload.ts";
import { anyWalk, cellsOf, type Model, type Move, walk, watchCells } from "./walk.ts";
import { manyRuns } from "./wire.ts";

type Sending = "offer" | "data" | "finish" | "cancel" | "bye";
type Answer = "accept" | "progress" | "stored" | "refuse";

interface Transfer {
  readonly id: number;
  /** A large file asks first; a small one is pipelined. */
  readonly wait: boolean;
  readonly chunks: number;
  readonly talk: Conversation<typeof UPLOAD_SENDER>;
  chunksLeft: number;
}

/** Both halves of the upload conversation with a wire between them, on which any number of frames may be under way. */
class Upload implements Model {
  readonly transfers: Transfer[];
  readonly #serverTable: typeof UPLOAD_SERVER;
  readonly #toServer: { type: Sending; id: number; wait?: boolean }[] = [];
  readonly #toSender: { type: Answer; id: number }[] = [];
  /** The transfer whose frames the sender may write now: data carries no id, so it is one at a time. */
  #lane: Transfer | null = null;
  #saidBye = false;
  server: Conversation<typeof UPLOAD_SERVER>;
  #current: { id: number; wait: boolean } | null = null;
  #storing: number[] = [];
  readonly stored = new Set<number>();

  constructor(
    files: readonly { wait: boolean; chunks: number }[],
    serverTable = UPLOAD_SERVER,
    senderTable = UPLOAD_SENDER,
  ) {
    this.#serverTable = serverTable;
    this.server = this.#connect();
    this.transfers = files.map(({ wait, chunks }, id) => {
      return { id, wait, chunks, talk: new Conversation(senderTable, "waiting"), chunksLeft: chunks };
    });
  }

  moves(): readonly Move[] {
    return [...this.#senderMoves(), ...this.#serverMoves()];
  }

  *#senderMoves(): Generator<Move> {
    const lane = this.#lane;
    const waiting = this.transfers.find(({ talk }) => talk.state === "waiting");
    if (lane?.talk.state === "sending") {
      if (lane.chunksLeft > 0) yield { name: "send data", run: () => this.#sendData(lane) };
      else yield { name: "end", run: () => this.#tell(lane, "end") };
      yield { name: "fail", bad: true, run: () => this.#tell(lane, "fail") };
    } else if (!lane && waiting) {
      yield { name: "offer", run: () => this.#tell(waiting, waiting.wait ? "ask" : "pipe") };
      yield { name: "fail", bad: true, run: () => this.#tell(waiting, "fail") };
    }
    if (this.#toSender.length > 0) yield { name: "sender reads", run: () => this.#senderReads() };
    if (this.#saidBye) return;
    if (this.transfers.every(({ talk }) => talk.state === "stored" || talk.state === "failed")) {
      yield { name: "bye", run: () => this.#sayBye() };
    }
    yield { name: "connection lost", bad: true, run: () => this.#lose() };
  }

  *#serverMoves(): Generator<Move> {
    const { state } = this.server;
    const current = this.#current;
    if (state === "opening" && current) {
      if (this.stored.has(current.id)) yield { name: "already", run: () => this.#serve("already") };
      else yield { name: "accepted", run: () => this.#serve("accepted") };
    } else if (state !== "closed" && this.#toServer.length > 0) {
      yield { name: "server reads", run: () => this.#serverReads() };
    }
    if ((state === "opening" || state === "receiving") && current) {
      yield { name: "refused", bad: true, run: () => this.#serve("refused") };
    }
    for (const id of this.#storing) {
      yield { name: "becomes durable", run: () => this.#settleStoring(id, "stored") };
      yield { name: "digest is wrong", bad: true, run: () => this.#settleStoring(id, "refuse") };
    }
    const advancing = state === "receiving" && current ? [current.id, ...this.#storing] : this.#storing;
    for (const id of advancing) {
      yield { name: "progress", bad: true, run: () => void this.#toSender.push({ type: "progress", id }) };
    }
  }

  #tell(transfer: Transfer, event: Parameters<Transfer["talk"]["on"]>[0]): void {
    const { id, wait } = transfer;
    for (const effect of transfer.talk.on(event)) {
      if (effect === "offer") {
        this.#lane = transfer;
        this.#toServer.push({ type: "offer", id, wait });
      }
      if (effect === "stream") transfer.chunksLeft = transfer.chunks;
      if (effect === "finish" || effect === "cancel") this.#toServer.push({ type: effect, id });
      if ((effect === "finish" || effect === "settle") && this.#lane === transfer) this.#lane = null;
    }
  }

  #sendData(transfer: Transfer): void {
    transfer.chunksLeft--;
    this.#toServer.push({ type: "data", id: transfer.id });
  }

  #senderReads(): void {
    const { type, id } = this.#toSender.shift() as { type: Answer; id: number };
    this.#tell(this.transfers[id] as Transfer, type);
  }

  #sayBye(): void {
    this.#saidBye = true;
    this.#toServer.push({ type: "bye", id: -1 });
  }

  #serve(event: Parameters<Upload["server"]["on"]>[0]): void {
    const { id, wait } = this.#current ?? { id: -1, wait: false };
    for (const effect of this.server.on(event)) {
      if (effect === "tellOffset" && wait) this.#toSender.push({ type: "accept", id });
      if (effect === "tellStored") this.#toSender.push({ type: "stored", id });
      if (effect === "tellRefused") this.#toSender.push({ type: "refuse", id });
      if (effect === "store") this.#storing.push(id);
    }
  }

  #serverReads(): void {
    const { type, id, wait } = this.#toServer.shift() as { type: Sending; id: number; wait?: boolean };
    if (type === "offer") this.#current = { id, wait: wait === true };
    if (type !== "bye") expect(id, `${type} is about the file that the server is at`).toBe(this.#current?.id);
    this.#serve(type);
  }

  #settleStoring(id: number, type: "stored" | "refuse"): void {
    this.#storing = this.#storing.filter((other) => other !== id);
    if (type === "stored") this.stored.add(id);
    this.#toSender.push({ type, id });
  }

  #lose(): void {
    this.#toServer.length = 0;
    this.#toSender.length = 0;
    this.#storing = [];
    this.#lane = null;
    this.server = this.#connect();
    for (const { talk } of this.transfers) talk.on("lost");
  }

  #connect(): Conversation<typeof UPLOAD_SERVER> {
    this.#current = null;
    const server = new Conversation(this.#serverTable, "greeting");
    server.on("hello");
    return server;
  }
}

const anyFiles = fc.array(fc.record({ wait: fc.boolean(), chunks: fc.nat(3) }), { maxLength: 5 });

describe("in every upload, whatever crosses on the wire,", () => {
  test("each half takes what the other may send, and every file is settled", () => {
    fc.assert(
      fc.property(anyFiles, anyWalk, (files, choices) => {
        const model = new Upload(files);
        walk(model, choices);
        expect(model.server.state).toBe("closed");
        for (const { id, talk } of model.transfers) {
          expect(["stored", "failed"]).toContain(talk.state);
          if (talk.state === "stored") expect(model.stored).toContain(id);
        }
      }),
      manyRuns,
    );
  });

  test("a run without bad luck stores every file", () => {
    fc.assert(
      fc.property(anyFiles, (files) => {
        const model = new Upload(files);
        walk(model, []);
        expect(model.stored.size).toBe(files.length);
      }),
    );
  });

  test("every cell of both tables is needed by some walk", () => {
    const server = new Set<string>();
    const sender = new Set<string>();
    const tables = [watchCells(UPLOAD_SERVER, server), watchCells(UPLOAD_SENDER, sender)] as const;
    fc.assert(
      fc.property(anyFiles, anyWalk, (files, choices) => walk(new Upload(files, ...tables), choices)),
      { seed: 1, numRuns: 5000 },
    );
    expect([...server].sort()).toEqual(cellsOf(UPLOAD_SERVER).sort());
    expect([...sender].sort()).toEqual(cellsOf(UPLOAD_SENDER).sort());
  });
});
