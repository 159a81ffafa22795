/**
 * The operator: looks after the queues of a running server, from a program.
 *
 *     const operator = await operate({ host: "localhost", port: 5011 });
 *     for await (const file of operator.files("photos")) console.log(file.name, file.state);
 *     await operator.close();
 *
 * It keeps one connection, and replaces it when it is lost, as senders and receivers do. Lists are
 * fetched page by page as they are read, so a queue of ten million files takes the memory of a
 * page. A request without an answer is asked again on the next connection, if asking twice does no
 * harm. A purge does, because files may have come in between: it fails, and a person decides.
 *
 * Never here: how often to ask (receipts.ts). The table of states is protocol/operate.ts.
 */
import { asError, FilespoolError, known } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { Body, Message, MessageOf } from "../../../protocol/messages.ts";
import { OPERATE_CLIENT } from "../../../protocol/operate.ts";
import { Conversation, type Effects, type EventOf } from "../../../protocol/state-machine.ts";
import { Client } from "../../client/client.ts";
import type { ClientOptions } from "../../options.ts";
import type { Connection } from "../../wire/connection.ts";
import { CONNECTOR } from "../trust/connect.ts";

/** What a server tells about one transfer, and about one queue. */
export type TransferInfo = Readonly<Body<"row">>;
export type QueueInfo = Readonly<Body<"tally">>;

type OrderMessage = MessageOf<"list"> | MessageOf<"cancel"> | MessageOf<"requeue"> | MessageOf<"purge">;
type Row = TransferInfo | QueueInfo;

/** An order without an answer. The first of the list is under way, and no other. */
interface Order {
  readonly message: OrderMessage;
  readonly rows: Row[];
  /** Sent over the connection of this moment. A new connection clears it. */
  isSent: boolean;
  /** Takes the answer: the mark of the next page, or the number of files. */
  readonly resolve: (answer: MessageOf<"page"> | MessageOf<"done">) => void;
  readonly reject: (error: FilespoolError) => void;
}

interface Look {
  readonly transfer: string;
  /** Until when it may wait, on the clock of `performance`. */
  readonly untilMs: number;
  readonly resolve: (state: TransferInfo) => void;
  readonly reject: (error: FilespoolError) => void;
}

export type OperateOptions = Omit<ClientOptions, "queue" | "bufferBytes">;

/** Connects to a server. @throws FilespoolError unreachable, or what the server says */
export async function operate(options: OperateOptions = {}): Promise<Operator> {
  const operator = new Operator(options);
  await operator.connected;
  return operator;
}

/** An operator of one server. Calls may overlap; orders are sent one after the other. */
export class Operator {
  /** Resolves with the first connection; rejects when there will be none. */
  readonly connected: Promise<void>;
  readonly #client: Client;
  /** Resolves when the run has ended, well or not. */
  readonly #over: Promise<void>;
  /** The connection of this moment; null between two, and at the end. */
  #connection: Connection | null = null;
  #conversation = new Conversation(OPERATE_CLIENT, "greeting");
  /** Orders without an answer, in the order in which they were given. */
  readonly #orders: Order[] = [];
  /** Looks that were sent, by number. `#waiting`: looks for which there was no room. */
  readonly #looks = new Map<number, Look>();
  #lookNumber = 0;
  #waiting: Look[] = [];
  /** Why nothing more is answered; null as long as there is hope. Set once. */
  #failure: FilespoolError | null = null;
  #close: () => void = () => {};
  /** Ends the attempts to connect. */
  readonly #stop = new AbortController();

  constructor(options: OperateOptions) {
    const signals = [this.#stop.signal, ...(options.signal ? [options.signal] : [])];
    this.#client = new Client({ ...options, signal: AbortSignal.any(signals) }, CONNECTOR);
    const closing = new Promise<void>((resolve) => {
      this.#close = resolve;
    });
    let reach = () => {};
    let miss: (error: FilespoolError) => void = () => {};
    this.connected = new Promise((resolve, reject) => {
      reach = resolve;
      miss = reject;
    });
    this.#over = this.#client
      .run("operator", async (connection) => {
        this.#begin(connection);
        reach();
        const reading = this.#read(connection);
        reading.catch(() => {}); // after `close` nobody waits for it
        await Promise.race([reading, closing]).finally(() => {
          this.#connection = null;
        });
        this.#conversation.on("bye");
      })
      .catch((error: unknown) => {
        this.#fail(known(error));
        miss(known(error));
      });
  }

  /** Every queue that holds anything, by name. */
  queues(): AsyncGenerator<QueueInfo> {
    return this.#pages({ type: "list", what: "queues" }) as AsyncGenerator<QueueInfo>;
  }

  /** The files of a queue in the order of their delivery, those that a receiver holds included. */
  files(queue: string): AsyncGenerator<TransferInfo> {
    return this.#pages({ type: "list", what: "files", queue }) as AsyncGenerator<TransferInfo>;
  }

  /** The dead letters of a queue, in the order in which they died. */
  dead(queue: string): AsyncGenerator<TransferInfo> {
    return this.#pages({ type: "list", what: "dead", queue }) as AsyncGenerator<TransferInfo>;
  }

  /** Unfinished uploads of one queue, or of all. */
  uploads(queue?: string): AsyncGenerator<TransferInfo> {
    const where = queue === undefined ? {} : { queue };
    return this.#pages({ type: "list", what: "uploads", ...where }) as AsyncGenerator<TransferInfo>;
  }

  /** Lists rows. A caller that stops early costs no further page. */
  async *#pages(message: MessageOf<"list">): AsyncGenerator<Row> {
    for (let cursor: string | undefined; ; ) {
      const { rows, answer } = await this.#order({ ...message, ...(cursor !== undefined && { cursor }) });
      yield* rows;
      const next = answer.type === "page" ? answer.next : undefined;
      if (next === undefined) return;
      // A server that answers in a circle would be read for ever.
      if (next === cursor) throw new FilespoolError("frame-unexpected", "the server's list repeats the same page");
      cursor = next;
    }
  }

  /**
   * What is known of a transfer; its state is "unknown" if that is nothing.
   * @param waitMs waits so long for it to be collected, cancelled, expired or dead; a minute at
   * most
   */
  show(transfer: string, { waitMs = 0 } = {}): Promise<TransferInfo> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ transfer, untilMs: performance.now() + waitMs, resolve, reject });
      this.#pump();
    });
  }

  /**
   * Removes a file or an unfinished upload for ever. False: it was cancelled already.
   * @throws FilespoolError transfer-unknown, transfer-ended
   */
  async cancel(transfer: string): Promise<boolean> {
    return (await this.#count({ type: "cancel", transfer })) > 0;
  }

  /**
   * Puts a dead letter back to the tail of its queue. False: it is there already.
   * @throws FilespoolError transfer-unknown, transfer-ended, queue-full
   */
  async requeue(transfer: string): Promise<boolean> {
    return (await this.#count({ type: "requeue", transfer })) > 0;
  }

  /** Puts all dead letters of a queue back, and returns how many. */
  requeueAll(queue: string): Promise<number> {
    return this.#count({ type: "requeue", queue });
  }

  /** Removes the files of a queue for ever, or only its dead letters, and returns how many. */
  purge(queue: string, { deadOnly = false } = {}): Promise<number> {
    return this.#count({ type: "purge", queue, deadOnly });
  }

  /** Says goodbye, if there is a connection. Requests without an answer fail. */
  async close(): Promise<void> {
    if (!this.#connection) this.#stop.abort();
    this.#close();
    await this.#over;
    this.#fail(new FilespoolError("interrupted", "the operator was closed"));
  }

  /** Gives an order. @throws FilespoolError the server's refusal; connection-lost, interrupted */
  async #count(message: OrderMessage): Promise<number> {
    const { answer } = await this.#order(message);
    return answer.type === "done" ? answer.files : 0;
  }

  /** Queues an order behind those that were given before. */
  #order(message: OrderMessage): Promise<{ rows: Row[]; answer: MessageOf<"page"> | MessageOf<"done"> }> {
    return new Promise((resolve, reject) => {
      const rows: Row[] = [];
      const settle = (answer: MessageOf<"page"> | MessageOf<"done">) => resolve({ rows, answer });
      this.#orders.push({ message, rows, isSent: false, resolve: settle, reject });
      this.#pump();
    });
  }

  /** A new connection knows nothing of what was asked on the old one. */
  #begin(connection: Connection): void {
    this.#connection = connection;
    this.#conversation = new Conversation(OPERATE_CLIENT, "greeting");
    this.#conversation.on("welcome");
    this.#waiting = [...this.#looks.values(), ...this.#waiting];
    this.#looks.clear();
    const [first] = this.#orders;
    if (first?.isSent && first.message.type === "purge") {
      this.#orders.shift();
      const why = "the connection was lost before the answer; look how much was removed, then ask again";
      first.reject(new FilespoolError("connection-lost", why));
    } else if (first) {
      first.isSent = false;
      first.rows.length = 0;
    }
    this.#pump();
  }

  /** Sends what may be sent now: one order, and as many looks as the server takes at a time. */
  #pump(): void {
    if (this.#failure) return this.#fail(this.#failure);
    if (!this.#connection) return;
    const [order] = this.#orders;
    if (order && !order.isSent) {
      order.isSent = true;
      this.#step("order", order.message);
    }
    while (this.#looks.size < LIMITS.windowFiles) {
      const look = this.#waiting.shift();
      if (!look) break;
      this.#looks.set(++this.#lookNumber, look);
      const waitMs = Math.ceil(Math.min(LIMITS.lookMs, Math.max(0, look.untilMs - performance.now())));
      this.#step("look", { type: "show", transfer: look.transfer, look: this.#lookNumber, waitMs });
    }
  }

  /** No effect of this half waits. A frame that is not allowed throws, into the caller. */
  #step(event: EventOf<typeof OPERATE_CLIENT>, message: Message): void {
    void this.#conversation.carryOut(event, this.#effects, message);
  }

  /** Reads frames. Each is progress: a server that answers is not given up. */
  async #read(connection: Connection): Promise<void> {
    for (;;) {
      const frame = await connection.read();
      if (!frame) throw new FilespoolError("connection-lost", "the server ended the connection");
      if (frame.type === "data") throw new FilespoolError("frame-unexpected", "a server sends no data to an operator");
      this.#client.progressed();
      this.#step(this.#eventOf(frame), frame);
      this.#pump();
    }
  }

  /**
   * A refusal is about the order under way if it has its name; otherwise it has a look's number.
   */
  #eventOf(frame: Message): EventOf<typeof OPERATE_CLIENT> {
    if (frame.type !== "refuse") return frame.type as EventOf<typeof OPERATE_CLIENT>;
    return frame.about === this.#orders[0]?.message.type ? "refuseOrder" : "refuseLook";
  }

  readonly #effects: Effects<typeof OPERATE_CLIENT> = {
    send: (message: Message) => this.#connection?.send(message),
    take: ({ type: _, ...row }: MessageOf<"row"> | MessageOf<"tally">) => {
      const rows = this.#orders[0]?.rows ?? [];
      if (rows.length >= LIMITS.pageFiles)
        throw new FilespoolError("flood", "the server sends more rows than a page has");
      rows.push(row);
    },
    answerOrder: (answer: MessageOf<"page"> | MessageOf<"done">) => this.#orders.shift()?.resolve(answer),
    failOrder: (refusal: MessageOf<"refuse">) => this.#orders.shift()?.reject(asError(refusal)),
    answerLook: ({ type: _, look, ...state }: MessageOf<"state">) => this.#looked(look).resolve(state),
    failLook: (refusal: MessageOf<"refuse">) => this.#looked(Number(refusal.about)).reject(asError(refusal)),
    close: () => {},
  };

  /** Takes a look out of the open ones. A number that is not ours is an error of the server. */
  #looked(number: number): Look {
    const look = this.#looks.get(number);
    if (!look) throw new FilespoolError("frame-unexpected", "the server answers a question that was not asked");
    this.#looks.delete(number);
    return look;
  }

  /** Fails every request that has no answer. */
  #fail(error: FilespoolError): void {
    this.#failure ??= error;
    this.#connection = null;
    const looks = [...this.#looks.values()];
    for (const { reject } of [...this.#orders.splice(0), ...looks, ...this.#waiting.splice(0)]) reject(this.#failure);
    this.#looks.clear();
  }
}
