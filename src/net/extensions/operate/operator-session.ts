/**
 * The server's half of an operator's conversation, with its effects on the socket and the spool.
 *
 * Orders are carried out one after the other, and the next frame is not read meanwhile. So a slow
 * operator makes at most a page of rows wait, and a purge of a million files cannot run twice at
 * once. Looks wait beside the orders. Each has its place in the window of the connection, a bounded
 * time, and no cost while it waits: it is a listener at the spool, not a timer that asks again.
 *
 * Invariant: every operation passes through `#demand` or `#find` before it tells or changes
 * anything of a queue. Never here: who may do what (access.ts), and what an operation does
 * (spool/operate/contract.ts). Why on this port at all: adr/0038.
 */
import { FilespoolError, failureForPeer, known as knownError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { OPERATE_SERVER } from "../../../protocol/operate.ts";
import { Conversation, type Effects, type EventOf } from "../../../protocol/state-machine.ts";
import type { From, Known, Page, SpoolOperations } from "../../../spool/operate/contract.ts";
import { about } from "../../events.ts";
import { type Access, demand, RIGHTS } from "../../server/access.ts";
import { type ServerContext, welcome } from "../../server/session.ts";
import type { Connection } from "../../wire/connection.ts";

/** The orders of an operator, by the names that a refusal uses. */
export type Operation = "list" | "cancel" | "requeue" | "purge";

/** The end of a look: what is known of the transfer. Null: nothing that this peer may know. */
type Seen = { readonly transfer: string; readonly look: number; readonly known: Known | null };

/** States that end a look. A dead letter may be put back, but the operator should hear of it. */
const ENDS: ReadonlySet<string> = new Set(["collected", "expired", "cancelled", "dead"]);

/**
 * One connection of an operator. It keeps nothing of the queues: each page, order and look asks the
 * spool anew, so nothing here can be out of date.
 */
export class OperateSession {
  readonly #connection: Connection;
  readonly #server: ServerContext;
  readonly #access: Access;
  readonly #spool: SpoolOperations;
  readonly #conversation = new Conversation(OPERATE_SERVER, "greeting");
  /** One function for each look that waits, which ends its wait. The window bounds their number. */
  readonly #looks = new Set<() => void>();
  /**
   * The connection has ended. Long orders check it between two batches: a purge that nobody waits
   * for stops, and what was removed until then stays removed.
   */
  #isOver = false;

  /** @param spool what operators may do with the server's spool */
  constructor(connection: Connection, server: ServerContext, access: Access, spool: SpoolOperations) {
    this.#connection = connection;
    this.#access = access;
    this.#server = server;
    this.#spool = spool;
  }

  /**
   * Reads frames one at a time. At the end, looks that wait are woken, and find that it is over.
   * @throws FilespoolError what broke the conversation
   */
  async run(): Promise<void> {
    try {
      await this.#conversation.carryOut("hello", this.#effects);
      while (this.#conversation.state !== "closed") {
        const frame = await this.#connection.read();
        if (!frame) break;
        await this.#conversation.carryOut(frame.type as EventOf<typeof OPERATE_SERVER>, this.#effects, frame);
        this.drain();
      }
    } finally {
      this.#isOver = true;
      for (const end of [...this.#looks]) end();
    }
  }

  /**
   * Called when the server shuts down. An order that was begun is still answered. Looks are asked
   * again at the next server.
   */
  drain(): void {
    if (this.#server.isDraining && this.#conversation.state !== "working")
      this.#connection.fail(new FilespoolError("shutting-down"));
  }

  /**
   * Checks the right to a queue, before anything of it is told or changed. Questions about one
   * transfer go through `#find` instead.
   * @throws FilespoolError not-allowed
   */
  #demand(queue: string): void {
    demand(this.#access, "manage", queue);
  }

  /** Who gave the order, for the events: each change of other people's files can be traced. */
  get #peer() {
    return { connection: this.#connection.id, peer: this.#connection.peer };
  }

  /** What each effect of the transition table does. */
  readonly #effects: Effects<typeof OPERATE_SERVER> = {
    welcome: () => this.#connection.send(welcome(this.#server)),

    list: (message: MessageOf<"list">) =>
      this.#order("list", async () => {
        const next = await this.#list(message);
        await this.#conversation.carryOut("listed", this.#effects, next);
      }),

    // The file is looked up first: for the right to it, and because its name is gone afterwards.
    cancel: ({ transfer }: MessageOf<"cancel">) =>
      this.#order("cancel", async () => {
        const file = await this.#locate(transfer);
        const { files } = await this.#spool.cancel(transfer);
        if (files > 0) this.#server.emit({ event: "cancelled", ...this.#peer, ...about(file) });
        await this.#conversation.carryOut("carriedOut", this.#effects, files);
      }),

    // Exactly one of the two fields, which a schema of optional fields cannot say.
    requeue: ({ transfer, queue }: MessageOf<"requeue">) =>
      this.#order("requeue", async () => {
        if ((transfer === undefined) === (queue === undefined))
          throw new FilespoolError("message-invalid", "requeue names a transfer or a queue");
        const where = queue ?? (await this.#locate(transfer as string)).queue;
        this.#demand(where);
        const shouldContinue = () => !this.#isOver;
        const work =
          transfer === undefined ? this.#spool.requeueAll(where, shouldContinue) : this.#spool.requeue(transfer);
        const { files } = await work;
        if (files > 0) this.#server.emit({ event: "requeued", ...this.#peer, queue: where, files });
        await this.#conversation.carryOut("carriedOut", this.#effects, files);
      }),

    // Reported even if nothing was left: that this order was given is worth a line on the server.
    purge: ({ queue, deadOnly }: MessageOf<"purge">) =>
      this.#order("purge", async () => {
        this.#demand(queue);
        const { files } = await this.#spool.purge(queue, deadOnly, () => !this.#isOver);
        this.#server.emit({ event: "purged", ...this.#peer, queue, files, deadOnly });
        await this.#conversation.carryOut("carriedOut", this.#effects, files);
      }),

    // Not waited for: a look may take a minute, and the next frame is read at once. A bug in it
    // ends the conversation.
    look: ({ transfer, look, waitMs = 0 }: MessageOf<"show">) => {
      if (this.#looks.size >= LIMITS.windowFiles) throw new FilespoolError("flood", "too many questions at once");
      void this.#look(transfer, look, Math.min(waitMs, LIMITS.lookMs)).catch((error: unknown) =>
        this.#connection.fail(knownError(error)),
      );
    },

    tellState: ({ transfer, look, known }: Seen) =>
      this.#connection.send({ type: "state", look, ...(known ? facts(known) : { transfer, state: "unknown" }) }),
    tellPage: (next: string | null) => this.#connection.send({ type: "page", ...(next !== null && { next }) }),
    tellDone: (files: number) => this.#connection.send({ type: "done", files }),
    tellRefused: ({ order, error }: { order: Operation; error: FilespoolError }) =>
      this.#connection.send({ type: "refuse", about: order, ...failureForPeer(error) }),
    close: () => {},
  };

  /**
   * Carries out an order. A refusal of it leaves the conversation as it is. A broken protocol, or a
   * bug of ours, ends it.
   */
  async #order(order: Operation, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      const error = knownError(cause);
      if (this.#conversation.state !== "working" || error.kind === "integrity" || error.kind === "bug") throw error;
      await this.#conversation.carryOut("refused", this.#effects, { order, error });
    }
  }

  /**
   * Finds the file that an order is about. Only then its queue is known, so the right is checked
   * here.
   * @throws FilespoolError transfer-unknown, not-allowed
   */
  async #locate(transfer: string): Promise<Known> {
    const known = await this.#find(transfer);
    if (!known) throw new FilespoolError("transfer-unknown");
    this.#demand(known.queue);
    return known;
  }

  /**
   * Sends the rows of one page. Rows of queues that the operator may not manage are left out and
   * not refused: a list of all is a list of all that this operator may manage. The cursor goes on
   * behind them all the same, so such a page may be short, or empty.
   * @returns where the next page begins; null: there is none
   */
  async #list({ what, queue, cursor, rows = LIMITS.pageFiles }: MessageOf<"list">): Promise<string | null> {
    const from: From = { cursor: cursor ?? null, rows };
    if (what === "queues") {
      const page = await this.#spool.queues(from);
      for (const tally of page.rows)
        if (this.#access.allows("manage", tally.queue)) this.#connection.send({ type: "tally", ...tally });
      return page.next;
    }
    if (queue !== undefined) this.#demand(queue);
    const page = await this.#page(what, queue, from);
    for (const known of page.rows)
      if (queue !== undefined || this.#access.allows("manage", known.queue))
        this.#connection.send({ type: "row", ...facts(known) });
    return page.next;
  }

  /**
   * Uploads are few, and listed across queues. Files are many, and their order has a meaning within
   * one queue only.
   */
  #page(what: "files" | "dead" | "uploads", queue: string | undefined, from: From): Promise<Page<Known>> {
    if (what === "uploads") return this.#spool.uploads(queue ?? null, from);
    if (queue === undefined) throw new FilespoolError("message-invalid", "such a list names its queue");
    return this.#spool[what](queue, from);
  }

  /** One look. It listens before it asks, so that an end in between is not missed. */
  async #look(transfer: string, look: number, waitMs: number): Promise<void> {
    // One promise for three events: the spool, the timer, the end of the connection.
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#looks.add(wake);
    const stopListening = this.#server.spool.onEnded(transfer, wake);
    const timer = setTimeout(wake, waitMs);
    try {
      let known = await this.#find(transfer);
      const isAnswer = known === null || ENDS.has(known.state);
      if (!isAnswer && waitMs > 0) {
        await woken;
        if (!this.#isOver) known = await this.#find(transfer);
      }
      await this.#conversation.carryOut("seen", this.#effects, { transfer, look, known });
    } finally {
      clearTimeout(timer);
      stopListening();
      this.#looks.delete(wake);
    }
  }

  /**
   * Finds a transfer. An id cannot be guessed: a peer that has it sent the file, has got it, or
   * looks after it, and each may ask what became of it. To a peer without any right in its queue it
   * does not exist: a refusal would tell that it does, and name that queue.
   */
  async #find(transfer: string): Promise<Known | null> {
    const known = await this.#spool.find(transfer);
    return known && RIGHTS.some((right) => this.#access.allows(right, known.queue)) ? known : null;
  }
}

/**
 * What a peer is told of a transfer, field by field. What the spool knows besides (where small
 * content is, whose lease it is) is private, and a field that is added there does not get onto the
 * wire by itself. Fields that say nothing in a state are left out.
 */
function facts(known: Known): Omit<MessageOf<"row">, "type"> {
  const { transfer, state, queue, name, size, algorithm, kind } = known;
  const sizeIfKnown = size === Infinity ? {} : { size };
  const file = { transfer, state, queue, name, ...sizeIfKnown, algorithm, ...(kind !== undefined && { kind }) };
  if (known.state === "uploading") {
    const { offset, isActive, atMs } = known;
    return { ...file, offset, isActive, atMs };
  }
  const digest = known.digest === "" ? {} : { digest: known.digest };
  if (!("failures" in known)) return { ...file, ...digest, ...(known.atMs !== null && { atMs: known.atMs }) };
  const { atMs, failures, firstFailedAtMs, lastFailedAtMs } = known;
  const reason = known.reason.slice(0, LIMITS.textCharsMax);
  // An expired file is dead without a failed delivery.
  const hasReason = failures > 0 || known.state === "dead";
  return { ...file, ...digest, atMs, failures, ...(hasReason && { reason, firstFailedAtMs, lastFailedAtMs }) };
}
