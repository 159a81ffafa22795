import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DELIVERY_RECEIVER, DELIVERY_SERVER } from "../../src/protocol/delivery.ts";
import { Conversation, type EventOf } from "../../src/protocol/state-machine.ts";
import { anyWalk, cellsOf, type Model, type Move, walk, watchCells } from "./walk.ts";
import { manyRuns } from "./wire.ts";

/** One attempt at one file; `token` is what the frames name it by. */
interface Attempt {
  readonly token: number;
  readonly file: number;
  readonly large: boolean;
  readonly chunks: number;
}
type FromServer = { type: "deliver" | "data" | "withdraw" | "empty" | "acked" | "refuse"; attempt?: Attempt };
type FromReceiver =
  | { type: "want" | "bye" }
  | { type: "start"; token: number; from: number }
  | { type: "working" | "ack" | "nack"; token: number };

const WINDOW = 2;

/** Both halves of the delivery conversation with a wire between them, on which any number of frames may be under way. */
class Delivery implements Model {
  readonly #toReceiver: FromServer[] = [];
  readonly #toServer: FromReceiver[] = [];

  readonly server: Conversation<typeof DELIVERY_SERVER>;
  readonly #waiting: Omit<Attempt, "token">[];
  /** Attempts under a lease, without a verdict; and the one that is asked for or streamed. */
  readonly leased = new Map<number, Attempt>();
  #serving: Attempt | null = null;
  #chunksLeft = 0;
  #credit = 0;
  #tokens = 0;
  #saidEmpty = false;
  readonly collected: number[] = [];

  readonly receiver: Conversation<typeof DELIVERY_RECEIVER>;
  #taking: Attempt | null = null;
  #chunksTaken = 0;
  #landing: Attempt[] = [];
  readonly landed = new Set<number>();
  readonly #unsettled = new Set<number>();

  readonly #mayLeave: boolean;

  constructor(
    { files, mayLeave }: { files: readonly { large: boolean; chunks: number }[]; mayLeave: boolean },
    serverTable = DELIVERY_SERVER,
    receiverTable = DELIVERY_RECEIVER,
  ) {
    this.#mayLeave = mayLeave;
    this.#waiting = files.map(({ large, chunks }, file) => ({ file, large, chunks }));
    this.server = new Conversation(serverTable, "greeting");
    this.receiver = new Conversation(receiverTable, "greeting");
    this.server.on("hello");
    this.#hear("welcome");
  }

  moves(): readonly Move[] {
    return [...this.#serverMoves(), ...this.#receiverMoves()];
  }

  *#serverMoves(): Generator<Move> {
    const { state } = this.server;
    if (state === "closed") return;
    if (this.#toServer.length > 0) yield { name: "server reads", run: () => this.#serverReads() };
    const [next] = this.#waiting;
    if (next) yield { name: "another receiver collects", bad: true, run: () => this.#collectElsewhere() };
    if (state === "ready" && this.#credit > 0) {
      if (next) yield { name: "lease", run: () => this.#lease() };
      else if (!this.#saidEmpty) yield { name: "nothing waits", run: () => this.#serve("none") };
    }
    if (state === "streaming" && this.#serving) {
      if (this.#chunksLeft > 0) yield { name: "send data", run: () => this.#sendData() };
      else yield { name: "sent", run: () => this.#serve("sent") };
    }
    if (this.#serving) yield { name: "lease of the file in progress ends", bad: true, run: () => this.#serve("lost") };
    for (const [token, attempt] of this.leased) {
      if (attempt === this.#serving) continue;
      yield { name: "lease of an earlier file ends", bad: true, run: () => this.#giveBack(token) };
    }
  }

  *#receiverMoves(): Generator<Move> {
    const { state } = this.receiver;
    if (state === "closed") return;
    if (state === "deciding") {
      yield { name: "begin", run: () => this.#hear("begin") };
      yield { name: "decline", bad: true, run: () => this.#decline("nack") };
      yield { name: "hold", bad: true, run: () => this.#decline("hold") };
      return;
    }
    const taking = this.#taking;
    if (state === "receiving" && taking)
      yield { name: "the disk takes no more", bad: true, run: () => this.#stop(taking) };
    if (this.#toReceiver.length > 0) yield { name: "receiver reads", run: () => this.#receiverReads() };
    for (const attempt of this.#landing) {
      yield { name: "landed", run: () => this.#settle(attempt, "ack") };
      yield {
        name: "working",
        bad: true,
        run: () => void this.#toServer.push({ type: "working", token: attempt.token }),
      };
      yield { name: "cannot land", bad: true, run: () => this.#settle(attempt, "nack") };
    }
    if (this.#mayLeave) yield { name: "bye", bad: true, run: () => this.#hear("bye") };
  }

  #lease(): void {
    this.#serving = { ...(this.#waiting.shift() as Omit<Attempt, "token">), token: ++this.#tokens };
    this.leased.set(this.#serving.token, this.#serving);
    this.#credit--;
    this.#chunksLeft = this.#serving.chunks;
    this.#serve(this.#serving.large ? "large" : "small");
  }

  #collectElsewhere(): void {
    const { file } = this.#waiting.shift() as Attempt;
    this.collected.push(file);
    this.landed.add(file);
  }

  #giveBack(token: number): void {
    const attempt = this.leased.get(token);
    if (this.leased.delete(token) && attempt) this.#waiting.unshift(attempt);
    this.#saidEmpty = false;
  }

  #sendData(): void {
    this.#chunksLeft--;
    this.#toReceiver.push({ type: "data" });
  }

  #serve(event: EventOf<typeof DELIVERY_SERVER>, frame?: FromReceiver): void {
    const serving = this.#serving;
    for (const effect of this.server.on(event)) {
      if (effect === "credit") expect(++this.#credit, "room").toBeLessThanOrEqual(WINDOW);
      if (effect === "deliver" && serving) this.#toReceiver.push({ type: "deliver", attempt: serving });
      if (effect === "tellEmpty") this.#toReceiver.push({ type: "empty" });
      if (effect === "tellLost") this.#toReceiver.push({ type: "refuse" });
      if (effect === "record" && frame && "token" in frame) this.#record(frame.type === "ack", frame.token);
      if (effect === "withdraw" && serving) {
        this.#toReceiver.push({ type: "withdraw", attempt: serving });
        this.#giveBack(serving.token);
      }
    }
    if (event === "none") this.#saidEmpty = true;
    if (this.server.state === "ready" || this.server.state === "closed") this.#serving = null;
  }

  #serverReads(): void {
    const frame = this.#toServer.shift() as FromReceiver;
    if (frame.type === "ack" || frame.type === "nack") {
      this.#serve(frame.token === this.#serving?.token ? "verdict" : "settle", frame);
    } else if (frame.type === "start") {
      const late = frame.token !== this.#serving?.token;
      if (!late) this.#chunksLeft = (this.#serving as Attempt).chunks - frame.from;
      this.#serve(late ? "late" : "start");
    } else this.#serve(frame.type);
  }

  #record(landed: boolean, token: number): void {
    const attempt = this.leased.get(token);
    if (!attempt) this.#toReceiver.push({ type: "refuse" });
    else if (!landed) this.#giveBack(token);
    else {
      this.leased.delete(token);
      this.collected.push(attempt.file);
      this.#toReceiver.push({ type: "acked" });
    }
  }

  #hear(event: EventOf<typeof DELIVERY_RECEIVER>): void {
    for (const effect of this.receiver.on(event)) {
      if (effect === "want") for (let room = 0; room < WINDOW; room++) this.#toServer.push({ type: "want" });
      if (effect === "tellStart") this.#start(this.#taking as Attempt);
      if (effect === "suspend" || effect === "land") this.#taking = null;
      if (effect === "close") this.#toServer.push({ type: "bye" });
    }
  }

  /** With a verdict; or without, and then nothing of it is to be sent, so that the next file can come. */
  #decline(how: "nack" | "hold"): void {
    const attempt = this.#taking as Attempt;
    this.#hear("decline");
    if (how === "nack") return this.#settle(attempt, "nack");
    if (attempt.large) this.#toServer.push({ type: "start", token: attempt.token, from: attempt.chunks });
    this.#forget(attempt);
  }

  /** In the middle of its data, which goes on until the server has read the verdict. */
  #stop(attempt: Attempt): void {
    this.#hear("stop");
    this.#settle(attempt, "nack");
  }

  #start(attempt: Attempt): void {
    const from = attempt.large ? Math.min(1, attempt.chunks) : 0;
    this.#chunksTaken = from;
    if (attempt.large) this.#toServer.push({ type: "start", token: attempt.token, from });
    this.#landWhenFull(attempt);
  }

  #landWhenFull(attempt: Attempt): void {
    if (this.#chunksTaken < attempt.chunks) return;
    this.#hear("full");
    this.#landing.push(attempt);
  }

  #receiverReads(): void {
    const { type, attempt } = this.#toReceiver.shift() as FromServer;
    if (type === "deliver" && attempt) {
      this.#taking = attempt;
      this.#unsettled.add(attempt.token);
    }
    if (type === "withdraw" && this.#taking) expect(attempt?.token).toBe(this.#taking.token);
    this.#hear(type);
    if (type === "data" && this.receiver.state === "receiving") {
      this.#chunksTaken++;
      this.#landWhenFull(this.#taking as Attempt);
    }
    if (type === "withdraw" && attempt) this.#forget(attempt);
  }

  #settle(attempt: Attempt, verdict: "ack" | "nack"): void {
    if (verdict === "ack") this.landed.add(attempt.file);
    this.#toServer.push({ type: verdict, token: attempt.token });
    this.#forget(attempt);
  }

  /** Room for another one, once for each that was delivered. */
  #forget(attempt: Attempt): void {
    this.#landing = this.#landing.filter((other) => other !== attempt);
    if (this.#taking === attempt) this.#taking = null;
    if (this.#unsettled.delete(attempt.token)) this.#toServer.push({ type: "want" });
  }
}

const anyRun = fc.record({
  files: fc.array(fc.record({ large: fc.boolean(), chunks: fc.nat(3) }), { maxLength: 5 }),
  mayLeave: fc.boolean(),
});

describe("in every delivery, whatever crosses on the wire,", () => {
  test("each half takes what the other may send, and every file is collected once unless the receiver leaves", () => {
    fc.assert(
      fc.property(anyRun, anyWalk, (run, choices) => {
        const model = new Delivery(run);
        walk(model, choices);
        expect(new Set(model.collected).size).toBe(model.collected.length);
        for (const file of model.collected) expect(model.landed).toContain(file);
        expect(model.server.state === "closed").toBe(model.receiver.state === "closed");
        if (model.server.state === "closed") return;
        expect(model.server.state).toBe("ready");
        expect(model.collected.length, "what the receiver does not hold").toBe(run.files.length - model.leased.size);
      }),
      manyRuns,
    );
  });

  test("a run without bad luck collects the files in their order", () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const model = new Delivery(run);
        walk(model, []);
        expect(model.collected).toEqual(run.files.map((_, file) => file));
        expect(model.receiver.state).toBe("ready");
      }),
    );
  });

  test("every cell of both tables is needed by some walk", () => {
    const server = new Set<string>();
    const receiver = new Set<string>();
    const tables = [watchCells(DELIVERY_SERVER, server), watchCells(DELIVERY_RECEIVER, receiver)] as const;
    fc.assert(
      fc.property(anyRun, anyWalk, (run, choices) => walk(new Delivery(run, ...tables), choices)),
      { seed: 1, numRuns: 5000 },
    );
    expect([...server].sort()).toEqual(cellsOf(DELIVERY_SERVER).sort());
    expect([...receiver].sort()).toEqual(cellsOf(DELIVERY_RECEIVER).sort());
  });
});
