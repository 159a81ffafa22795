import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPERATE_CLIENT, OPERATE_SERVER } from "../../src/protocol/operate.ts";
import { Conversation, type EventOf } from "../../src/protocol/state-machine.ts";
import { anyWalk, cellsOf, type Model, type Move, walk, watchCells } from "./walk.ts";
import { manyRuns } from "./wire.ts";

/** A page of files or of queues has rows; the other orders are answered by a number. */
interface Order {
  readonly what: "files" | "queues" | "cancel" | "requeue" | "purge";
  readonly rows: number;
}
type FromOperator = { type: "show"; look: number } | { type: "bye" } | { type: "order"; order: Order };
type FromServer =
  | { type: "welcome" | "row" | "tally" | "page" | "done" | "refuseOrder" }
  | { type: "state" | "refuseLook"; look: number };

/** Both halves of the operator's conversation with a wire between them, on which any number of frames may be under way. */
class Operating implements Model {
  readonly #toServer: FromOperator[] = [];
  readonly #toOperator: FromServer[] = [];
  readonly server: Conversation<typeof OPERATE_SERVER>;
  readonly operator: Conversation<typeof OPERATE_CLIENT>;
  /** What the operator will still ask, and the looks that wait at the server. */
  readonly #orders: Order[];
  #looksLeft: number;
  #looks = 0;
  readonly #waiting = new Set<number>();
  #working: Order | null = null;
  #rowsLeft = 0;
  readonly carriedOut: Order[] = [];
  readonly openLooks = new Set<number>();
  rows = 0;
  answers = 0;

  constructor({ orders, looks }: Run, serverTable = OPERATE_SERVER, operatorTable = OPERATE_CLIENT) {
    this.#orders = [...orders];
    this.#looksLeft = looks;
    this.server = new Conversation(serverTable, "greeting");
    this.operator = new Conversation(operatorTable, "greeting");
    this.#serve("hello");
  }

  *#operatorMoves(): Generator<Move> {
    const { state } = this.operator;
    if (this.#toOperator.length > 0) yield { name: "operator reads", run: () => this.#operatorReads() };
    if (state !== "ready" && state !== "ordered") return;
    const [order] = this.#orders;
    if (state === "ready" && order) yield { name: "order", run: () => this.#order(order) };
    if (this.#looksLeft > 0) yield { name: "look", run: () => this.#look() };
    const isDone = state === "ready" && !order && this.#looksLeft === 0 && this.openLooks.size === 0;
    yield { name: "bye", bad: !isDone, run: () => this.#leave() };
  }

  *#serverMoves(): Generator<Move> {
    const { state } = this.server;
    if (state === "ready" && this.#toServer.length > 0) yield { name: "server reads", run: () => this.#serverReads() };
    if (state === "working") {
      if (this.#rowsLeft > 0) yield { name: "row", run: () => this.#sendRow() };
      else yield { name: "answer", run: () => this.#serve(this.#isList() ? "listed" : "carriedOut") };
      yield { name: "refused", bad: true, run: () => this.#serve("refused") };
    }
    for (const look of this.#waiting) {
      yield { name: "seen", run: () => this.#see(look, "state") };
      yield { name: "not for you", bad: true, run: () => this.#see(look, "refuseLook") };
    }
  }

  moves(): readonly Move[] {
    return [...this.#operatorMoves(), ...this.#serverMoves()];
  }

  #isList = (): boolean => this.#working?.what === "files" || this.#working?.what === "queues";

  #order(order: Order): void {
    this.#orders.shift();
    expect(this.operator.on("order")).toEqual(["send"]);
    this.#toServer.push({ type: "order", order });
  }

  #look(): void {
    this.#looksLeft--;
    expect(this.operator.on("look")).toEqual(["send"]);
    this.openLooks.add(++this.#looks);
    this.#toServer.push({ type: "show", look: this.#looks });
  }

  #leave(): void {
    expect(this.operator.on("bye")).toEqual(["close"]);
    this.#toServer.push({ type: "bye" });
  }

  #serverReads(): void {
    const frame = this.#toServer.shift() as FromOperator;
    if (frame.type === "show") {
      this.#waiting.add(frame.look);
      this.#serve("show");
    } else if (frame.type === "order") {
      this.#working = frame.order;
      this.#rowsLeft = this.#isList() ? frame.order.rows : 0;
      this.#serve(this.#isList() ? "list" : (frame.order.what as "cancel"));
    } else this.#serve(frame.type);
  }

  #sendRow(): void {
    this.#rowsLeft--;
    this.#toOperator.push({ type: this.#working?.what === "queues" ? "tally" : "row" });
  }

  #serve(event: EventOf<typeof OPERATE_SERVER>): void {
    for (const effect of this.server.on(event)) {
      if (effect === "welcome") this.#toOperator.push({ type: "welcome" });
      if (effect === "tellPage") this.#toOperator.push({ type: "page" });
      if (effect === "tellDone") this.#toOperator.push({ type: "done" });
      if (effect === "tellRefused") this.#toOperator.push({ type: "refuseOrder" });
      if (effect === "tellPage" || effect === "tellDone") this.carriedOut.push(this.#working as Order);
    }
  }

  #see(look: number, type: "state" | "refuseLook"): void {
    this.#waiting.delete(look);
    if (this.server.on("seen").includes("tellState" as never)) this.#toOperator.push({ type, look });
  }

  #operatorReads(): void {
    const frame = this.#toOperator.shift() as FromServer;
    for (const effect of this.operator.on(frame.type)) {
      if (effect === "take") this.rows++;
      if (effect === "answerOrder" || effect === "failOrder") this.answers++;
      if ("look" in frame) expect(this.openLooks.delete(frame.look), "an answer to an open look").toBe(true);
    }
  }
}

interface Run {
  readonly orders: readonly Order[];
  readonly looks: number;
}
const anyOrder = fc.record({
  what: fc.constantFrom("files", "queues", "cancel", "requeue", "purge"),
  rows: fc.nat(3),
}) satisfies fc.Arbitrary<Order>;
const anyRun = fc.record({ orders: fc.array(anyOrder, { maxLength: 5 }), looks: fc.nat(3) });

describe("in every talk with an operator, whatever crosses on the wire,", () => {
  test("each half takes what the other may send, and both come to their end", () => {
    fc.assert(
      fc.property(anyRun, anyWalk, (run, choices) => {
        const model = new Operating(run);
        walk(model, choices);
        expect([model.server.state, model.operator.state]).toEqual(["closed", "closed"]);
        expect(model.answers).toBeLessThanOrEqual(run.orders.length);
      }),
      manyRuns,
    );
  });

  test("a run without bad luck carries out the orders as they were given, and answers each and every look", () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const model = new Operating(run);
        walk(model, []);
        expect(model.carriedOut).toEqual(run.orders);
        const lists = run.orders.filter(({ what }) => what === "files" || what === "queues");
        expect(model.rows).toBe(lists.reduce((sum, { rows }) => sum + rows, 0));
        expect([model.answers, model.openLooks.size]).toEqual([run.orders.length, 0]);
      }),
    );
  });

  test("every cell of both tables is needed by some walk", () => {
    const server = new Set<string>();
    const operator = new Set<string>();
    const tables = [watchCells(OPERATE_SERVER, server), watchCells(OPERATE_CLIENT, operator)] as const;
    fc.assert(
      fc.property(anyRun, anyWalk, (run, choices) => walk(new Operating(run, ...tables), choices)),
      { seed: 1, numRuns: 3000 },
    );
    expect([...server].sort()).toEqual(cellsOf(OPERATE_SERVER).sort());
    expect([...operator].sort()).toEqual(cellsOf(OPERATE_CLIENT).sort());
  });
});

test("both halves agree on the conversation that the header draws", () => {
  const server = new Conversation(OPERATE_SERVER, "greeting");
  const operator = new Conversation(OPERATE_CLIENT, "greeting");
  const heard = (event: EventOf<typeof OPERATE_SERVER>) => [...server.on(event), server.state].join(" ");
  const told = (event: EventOf<typeof OPERATE_CLIENT>) => [...operator.on(event), operator.state].join(" ");
  expect([heard("hello"), told("welcome")]).toEqual(["welcome ready", "ready"]);
  expect([told("order"), heard("list")]).toEqual(["send ordered", "list working"]);
  expect([told("row"), told("row"), heard("listed"), told("page")]).toEqual([
    "take ordered",
    "take ordered",
    "tellPage ready",
    "answerOrder ready",
  ]);
  expect([told("look"), told("look"), told("order")]).toEqual(["send ready", "send ready", "send ordered"]);
  expect([heard("show"), heard("show"), heard("cancel")]).toEqual(["look ready", "look ready", "cancel working"]);
  expect([heard("seen"), told("state")]).toEqual(["tellState working", "answerLook ordered"]);
  expect([heard("carriedOut"), told("done")]).toEqual(["tellDone ready", "answerOrder ready"]);
  expect([heard("seen"), told("state")]).toEqual(["tellState ready", "answerLook ready"]);
  expect([told("bye"), heard("bye")]).toEqual(["close closed", "close closed"]);
});

test("a second order before the answer to the first is a broken rule of the operator's own half", () => {
  const operator = new Conversation(OPERATE_CLIENT, "greeting");
  operator.on("welcome");
  operator.on("order");
  expect(operator.allows("order")).toBe(false);
  operator.on("refuseOrder");
  expect(operator.allows("order")).toBe(true);
});
