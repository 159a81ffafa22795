/**
 * Connections that a server ends before they have said anything: there is no room for one more, or what came was no TLS.
 *
 * An operator must hear of it, since the clients see a fault that only the server knows the reason of. But whoever is
 * turned away tries again, and there may be thousands of them a second: so the first is told at once, and those of the
 * second after that as one event with their number. What is told is bounded, whatever knocks.
 *
 *   turned-away  {"code":"connections-full","connections":1,"peer":"192.0.2.7:50312",...}       at once
 *   turned-away  {"code":"connections-full","connections":4711,"peer":"192.0.2.9:40112",...}    a second later
 *
 * Never here: how many connections are too many (server.ts), and what is shown of it (cli/lines.ts).
 */
import type { Server, Socket } from "node:net";
import { FilespoolError, failure } from "../protocol/errors.ts";
import type { Connection } from "./connection.ts";
import type { ServerEvent } from "./events.ts";

const PAUSE_MS = 1000;

export class TurnedAway {
  readonly #emit: (event: ServerEvent) => void;
  /** By code: how many are not told yet, and who was the last of them. Present while its second runs. */
  readonly #untold = new Map<string, { connections: number; peer: string }>();

  /** Listens for connections that do not manage to encrypt; a plain listener has none. First, for a socket that was closed has no address. */
  constructor(listener: Server, emit: (event: ServerEvent) => void) {
    this.#emit = emit;
    listener.prependListener("tlsClientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      // Who hangs up before a word (a health check, say) is no news, here as without encryption.
      if (error.code === "ECONNRESET") return;
      const isPlain = error.code === "ERR_SSL_WRONG_VERSION_NUMBER" || error.code === "ERR_SSL_HTTP_REQUEST";
      const why = isPlain ? "it does not encrypt, and this server does" : `its handshake failed (${error.code})`;
      this.#note(new FilespoolError("tls-failed", why), `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`);
    });
  }

  /** There is no room for this one; it is told so, and ended. */
  full(connection: Connection): void {
    const error = new FilespoolError("connections-full");
    connection.fail(error);
    this.#note(error, connection.peer);
  }

  #note(error: FilespoolError, peer: string): void {
    const untold = this.#untold.get(error.code);
    if (untold) {
      untold.connections++;
      untold.peer = peer;
      return;
    }
    this.#tell(error, 1, peer);
  }

  /** Tells it, and counts for a second before it tells of that code again. */
  #tell(error: FilespoolError, connections: number, peer: string): void {
    this.#emit({ event: "turned-away", peer, connections, ...failure(error) });
    this.#untold.set(error.code, { connections: 0, peer });
    setTimeout(() => {
      const { connections: more = 0, peer: last = "" } = this.#untold.get(error.code) ?? {};
      this.#untold.delete(error.code);
      if (more > 0) this.#tell(error, more, last);
    }, PAUSE_MS).unref();
  }
}
