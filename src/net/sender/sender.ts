/**
 * The sender: one run that offers files until the server has said of each that it is stored, or why not.
 *
 * A run outlives its connections. What has to be sent, what has no answer yet and what was counted is
 * kept here. What is known of one connection and its server is in send-conversation.ts, and is made anew
 * for the next one. So a lost connection needs no special care: whatever has no answer is offered again,
 * with the same transfer id, and the server sorts out what it has. A temporary refusal ("disk full",
 * "shutting down") takes that same way.
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

export class Sender {
  /** Connects, and comes back after whatever may pass. */
  readonly #client: Client;
  readonly #results: SendResults;
  readonly #options: SendOptions;
  readonly #openSource: OpenSourceFunction;
  readonly #queue: SendQueue;
  readonly #window = new SendWindow();
  /** What every conversation gets. Null until the first server has said which digests it knows. */
  #run: SendRun | null = null;
  /** The conversation of this moment; an event between two connections wakes nobody. */
  #conversation: SendConversation | null = null;

  /** @param openSource opens what is to be sent, of whatever kind it is */
  constructor(options: SendOptions, connector: Connector, openSource: OpenSourceFunction) {
    this.#options = options;
    this.#openSource = openSource;
    this.#client = new Client(options, connector);
    this.#results = new SendResults((event) => this.#client.emit(event));
    this.#queue = new SendQueue(options.files, () => this.#conversation?.wake());
  }

  /** Called once in a run. From here on its transfer ids and its digests are of one kind. */
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
      // One byte more than is copied into a frame: a small file is read with one byte too many, to see its end.
      room: Buffer.allocUnsafe(COPY_BYTES_MAX + 1),
    };
  }

  /** Converses over one connection after the other, until every file has its answer. */
  run(): Promise<void> {
    return this.#client.run("sender", (connection, server) => this.#converse(connection, server));
  }

  async #converse(connection: Connection, server: MessageOf<"welcome">): Promise<void> {
    this.#run ??= this.#begin(digestFor(this.#options, server));
    const { algorithm } = this.#run.opening;
    // Another server may answer at the same address later in the run.
    if (!server.digests.includes(algorithm))
      throw new FilespoolError("digest-unsupported", `the server does not know the digest ${algorithm}`);
    // In the old order and before all others: what the last connection left without an answer.
    this.#queue.putBack(...this.#window.takeBack());
    const conversation = new SendConversation(connection, server, this.#run);
    this.#conversation = conversation;
    const writing = conversation.writeFiles();
    const reading = conversation.readAnswers();
    // Both are watched below. Neither may count as an unhandled rejection before that.
    for (const loop of [writing, reading]) loop.catch(() => {});
    try {
      await Promise.race([writing, reading]);
    } catch (error) {
      // After the last answer a server that shuts down need not wait for our goodbye.
      if (this.#window.isSettled && this.#queue.isOver) return;
      connection.fail(known(error)); // else the writing loop would wait for a peer that takes no more
      throw error;
    } finally {
      conversation.over();
      await writing.catch(() => {});
    }
  }

  get summary(): SendSummary {
    return this.#results.summary;
  }

  /** Lets go of streams that a failed run leaves. */
  end(): void {
    for (const transfer of [...this.#window.takeBack(), ...this.#queue.end()]) transfer.kept?.end();
  }
}

/**
 * The digest of a run: the one that its options name, or the first that the server lists and we know.
 * @throws FilespoolError digest-unsupported
 */
function digestFor({ digest }: SendOptions, { digests }: MessageOf<"welcome">): string {
  const both = digest ?? digests.find((name) => DIGESTS.includes(name));
  if (both !== undefined) return both;
  const known = digests.length === 0 ? "lists none" : `knows only ${digests.join(", ")}`;
  throw new FilespoolError("digest-unsupported", `the server ${known}, and this end knows ${DIGESTS.join(" and ")}`);
}
