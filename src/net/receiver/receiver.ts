/**
 * The receiver: one run that collects files until the queue is empty, or as long as its options
 * say.
 *
 * A run outlives its connections. What it has achieved, what failed, and what the folder holds is
 * kept here and in the landing. What is known of one connection is in receive-conversation.ts, and
 * is made anew for the next one. Before the first frame of a connection, the landing finds out what
 * became of files whose landing went wrong. So no file is fetched twice, and none is believed to be
 * there that is not.
 *
 * Never here: what is said on the wire (receive-conversation.ts, which is where to read next), how
 * a file gets its name (landing.ts), and which kinds of content there are (../receive.ts).
 */
import { Client } from "../client/client.ts";
import type { Connector } from "../client/dial.ts";
import type { ReceiveSummary } from "../options.ts";
import type { CompleteReceive, Kinds, ReceiveRun } from "./incoming.ts";
import type { Lander } from "./lander.ts";
import { ReceiveConversation } from "./receive-conversation.ts";
import { Tally } from "./tally.ts";

/** What the file that wires hands to a receiver. */
export interface ReceiverParts {
  readonly connector: Connector;
  /** The target folder, or what stands in front of it or in its place. The caller closes it. */
  readonly landing: Lander;
  /** Kinds of content beside "file". */
  readonly kinds: Kinds;
}

/** One run of `receive`. It is used once. */
export class Receiver {
  readonly #run: ReceiveRun;

  constructor(options: CompleteReceive, { connector, landing, kinds }: ReceiverParts) {
    const client = new Client(options, connector);
    this.#run = { options, client, landing, kinds, tally: new Tally(options, client), warned: new Set() };
  }

  /**
   * Converses over one connection after the other, until the run has what its options ask for.
   * @throws FilespoolError what ends the run: unreachable, interrupted, folder-unusable
   */
  run(): Promise<void> {
    const { client, landing } = this.#run;
    return client.run("receiver", async (connection, server) => {
      await landing.recover();
      landing.room.reset();
      await new ReceiveConversation(connection, server, this.#run).run();
    });
  }

  get summary(): ReceiveSummary {
    return this.#run.tally.summary();
  }
}
