/**
 * The sender: one run that offers files until the server has said of each that it is stored, or why
 * not.
 *
 * A run outlives its connections. This file keeps what has to be sent, what has no answer yet, and
 * what was counted. What is known of one connection and its server is in send-conversation.ts, and
 * is made anew for the next one. So a lost connection needs no special care: every file without an
 * answer is offered again, with the same transfer id, and the server finds out what it has. A
 * temporary refusal ("disk full", "shutting down") takes the same way.
 *
 * Invariant: each source is in one place. The queue has it, or the window, or the results.
 *
 * Never here: which kinds of source there are (../send.ts), and what is said on the wire
 * (send-conversation.ts, which is where to read next).
 */
import { randomBytes } from "node:crypto";
import { DIGESTS } from "../../disk/digest.ts";
import { FilespoolError, known } from "../../protocol/errors.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { Client } from "../client/client.ts";
import type { Connector } from "../client/dial.ts";
import { complete, labelOf, type SendOptions, type SendSummary } from "../options.ts";
import type { Connection } from "../wire/connection.ts";
import { COPY_BYTES_MAX } from "../wire/frame-writer.ts";
import { SendConversation, type SendRun } from "./send-conversation.ts";
import { SendQueue } from "./send-queue.ts";
import { SendResults } from "./send-results.ts";
import { SendWindow } from "./send-window.ts";
import type { OpenOptions, OpenSourceFunction } from "./source.ts";

/** One run of `send`. It is used once. */
export class Sender {
  /** Connects, and connects again after every failure that may pass. */
  readonly #client: Client;
  /** Files that have their answer: counted, and told as events. */
  readonly #results: SendResults;
  readonly #options: SendOptions;
  readonly #openSource: OpenSourceFunction;
  /** Files that are not open on a connection: not begun yet, or to be offered again. */
  readonly #queue: SendQueue;
  /** Files that are open on a connection; after its loss, until the next one takes them back. */
  readonly #window = new SendWindow();
  /** Shared by all conversations. Null until the first server has named the digests it knows. */
  #run: SendRun | null = null;
  /** The newest conversation; null before the first. Waking one that is over does no harm. */
  #conversation: SendConversation | null = null;

  /** @param openSource opens what is to be sent, of whatever kind it is */
  constructor(options: SendOptions, connector: Connector, openSource: OpenSourceFunction) {
    this.#options = options;
    this.#openSource = openSource;
    this.#client = new Client(options, connector);
    this.#results = new SendResults((event) => this.#client.emit(event));
    this.#queue = new SendQueue(options.files, () => this.#conversation?.wake());
  }

  /** Called once in a run: from here on, all of its transfer ids and digests are of one kind. */
  #begin(algorithm: string): SendRun {
    const { queue, bufferBytes, signal, senderKey, again } = complete(this.#options);
    const opening: OpenOptions = {
      ...{ queue, bufferBytes, signal, algorithm },
      key: senderKey ?? randomBytes(32).toString("hex"),
      salt: again ? randomBytes(8).toString("hex") : "",
      onChange: () => this.#conversation?.wake(),
      warn: (path, message) => this.#client.emit({ event: "warning", path: labelOf(path), message }),
      refuse: (path, failure) => this.#results.failed(path, undefined, failure),
    };
    return {
      client: this.#client,
      queue: this.#queue,
      window: this.#window,
      results: this.#results,
      open: (source) => this.#openSource(source, opening),
      opening,
      // One byte more than a frame copies: reading one too many shows where a file ends.
      room: Buffer.allocUnsafe(COPY_BYTES_MAX + 1),
    };
  }

  /**
   * Converses over one connection after the other, until every file has its answer.
   * @throws FilespoolError what ends the run: unreachable, interrupted, the failure of the list of
   * files
   */
  run(): Promise<void> {
    return this.#client.run("sender", (connection, server) => this.#converse(connection, server));
  }

  /**
   * One connection, from the server's welcome until no file is left without an answer.
   * @throws FilespoolError why the connection cannot go on; the client decides about another one
   */
  async #converse(connection: Connection, server: MessageOf<"welcome">): Promise<void> {
    this.#run ??= this.#begin(digestFor(this.#options, server));
    const { algorithm } = this.#run.opening;
    // Another server may answer at the same address later in the run.
    if (!server.digests.includes(algorithm))
      throw new FilespoolError("digest-unsupported", `the server does not know the digest ${algorithm}`);
    // First what the last connection left without an answer, in the old order.
    this.#queue.putBack(...this.#window.takeBack());
    const conversation = new SendConversation(connection, server, this.#run);
    this.#conversation = conversation;
    const writing = conversation.writeFiles();
    const reading = conversation.readAnswers();
    // Both are watched below. Until then a rejection must not count as unhandled.
    for (const loop of [writing, reading]) loop.catch(() => {});
    try {
      await Promise.race([writing, reading]);
    } catch (error) {
      // Every file has its answer. A server that shuts down now need not wait for our goodbye.
      if (this.#window.isSettled && this.#queue.isOver) return;
      connection.fail(known(error)); // or the writing loop waits for ever
      throw error;
    } finally {
      conversation.over();
      await writing.catch(() => {});
    }
  }

  /** What has become of the files so far; complete once `run` has ended. */
  get summary(): SendSummary {
    return this.#results.summary;
  }

  /** Lets go of the streams that a failed run leaves open. */
  end(): void {
    for (const transfer of [...this.#window.takeBack(), ...this.#queue.end()]) transfer.kept?.end();
  }
}

/**
 * The digest of a run: the one in its options, or the first in the server's list that we know.
 * @throws FilespoolError digest-unsupported
 */
function digestFor({ digest }: SendOptions, { digests }: MessageOf<"welcome">): string {
  const both = digest ?? digests.find((name) => DIGESTS.includes(name));
  if (both !== undefined) return both;
  const known = digests.length === 0 ? "lists none" : `knows only ${digests.join(", ")}`;
  throw new FilespoolError("digest-unsupported", `the server ${known}, but this end knows ${DIGESTS.join(" and ")}`);
}
