/**
 * What a sender and a receiver have in common: the greeting, and coming back after what may pass.
 *
 * A client never asks itself whether an error is worth another try. The table of errors says so
 * (src/protocol/errors.ts): a server that restarts, a lost connection and a full disk may pass; a
 * name that is refused is refused for ever. So nothing here looks at a code.
 *
 * It refuses to know what the conversation is about. Invariant: all connections of one run say the
 * same `peer`, so that the newest one ends whatever is left of the others at the server.
 *
 * Left out, and where the full program has it:
 *   several addresses of one host     src/net/client/addresses.ts       adr/0080
 *   tokens, and encryption            src/net/extensions/trust/         adr/0037
 *   a goodbye at Ctrl-C               src/net/client/client.ts          adr/0078
 *
 * In the full program: src/net/client/client.ts. Read next: send.ts.
 */
import { FilespoolError, failure, type MessageOf } from "../src/protocol/index.ts";
import { Connection, type Wire } from "./connection.ts";
import { understood } from "./growing-file.ts";
import type { Emit } from "./server.ts";

/** `dial` reaches the server anew; `emit` is told what happens. */
export type ClientOptions = { readonly dial: () => Promise<Wire>; readonly queue: string; readonly emit: Emit };
/** A conversation over one connection. What is to survive the connection is kept outside of it. */
type Talk = (connection: Connection, server: MessageOf<"welcome">, emit: Emit) => Promise<void>;
/** How long to go on trying without progress, once there was a connection. */
const PATIENCE_MS = 60_000;
const PAUSE_MS_MAX = 5000;
/** What was gained then is not lost with the connection, so the patience starts anew. */
const PROGRESS = ["progress", "stored", "landed"];
/** Converses over one connection after the other, until `talk` returns, or fails for good. */
export async function converse(role: "sender" | "receiver", options: ClientOptions, talk: Talk): Promise<void> {
  const { dial, queue, emit } = options;
  const peer = crypto.randomUUID().replaceAll("-", "");
  // Before the first connection a wrong address is likelier than a server that is away for a while,
  // so there is no patience yet.
  let [progressMs, attempt] = [-Infinity, 0];
  const tell: Emit = (event, fields) => {
    if (PROGRESS.includes(event)) [progressMs, attempt] = [performance.now(), 0];
    emit(event, fields);
  };
  for (;;) {
    let connection: Connection | null = null;
    try {
      connection = new Connection(await dial());
      await connection.send({ type: "hello", versions: [1], role, peer, agent: "filespool-minimal", queue });
      const server = await connection.hear();
      if (server.type !== "welcome") throw new FilespoolError("frame-unexpected", "a server begins with welcome");
      progressMs = Math.max(progressMs, attempt === 0 ? performance.now() : 0);
      await talk(connection, server, tell);
      await connection.send({ type: "bye" });
      return await connection.close();
    } catch (error) {
      const failed = understood(error);
      await connection?.close(failed);
      // Each pause is twice the one before, and by lot: else a thousand clients of a server that
      // restarts would all come back at the same moment.
      const delayMs = Math.round(Math.min(PAUSE_MS_MAX, 100 * 2 ** attempt++) * (0.5 + Math.random() / 2));
      if (!failed.retry || performance.now() + delayMs - progressMs > PATIENCE_MS) throw failed;
      tell("retrying", { delayMs, attempt, ...failure(failed) });
      await new Promise((wake) => setTimeout(wake, delayMs));
    }
  }
}
