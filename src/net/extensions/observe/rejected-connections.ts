/**
 * Connections that ended before they were let in: there was no room for one more, the first bytes
 * were neither TLS nor a frame, the token was wrong, or nothing came at all.
 *
 * An operator must hear of them, because only the server knows the reason of what clients see. But
 * clients try again, and there may be thousands a second. So the first is told at once, and those
 * of the following second as one event with their number (per-second.ts). What is told is bounded,
 * whatever connects.
 *
 *   turned-away  {"code":"token-refused","connections":1,"peer":"192.0.2.7:50312",...}
 *   turned-away  {"code":"token-refused","connections":4711,"peer":"192.0.2.9:40112",...}
 *
 * Never here: why a peer is not let in (server.ts, access.ts), and what is shown of it
 * (cli/report/event-text.ts). Why: adr/0081.
 */
import type { Server, Socket } from "node:net";
import { FilespoolError, failure } from "../../../protocol/errors.ts";
import type { ServerEvent } from "../../events.ts";
import { PerSecond } from "../../server/per-second.ts";

/** Counts and reports them for one server. */
export class RejectedConnections {
  readonly #gathered: PerSecond<{ readonly error: FilespoolError; readonly peer: string }>;

  /**
   * Listens for handshakes that fail; a plain listener has none. It listens first, because a socket
   * that was closed has no address.
   */
  constructor(listener: Server, emit: (event: ServerEvent) => void) {
    this.#gathered = new PerSecond(({ error, peer }, connections) =>
      emit({ event: "turned-away", peer, connections, ...failure(error) }),
    );
    listener.prependListener("tlsClientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      // A client that closes before it sends anything (a health check, say) is no news.
      if (error.code === "ECONNRESET") return;
      const isPlain = error.code === "ERR_SSL_WRONG_VERSION_NUMBER" || error.code === "ERR_SSL_HTTP_REQUEST";
      const why = isPlain ? "it does not encrypt, but this server does" : `its handshake failed (${error.code})`;
      this.note(new FilespoolError("tls-failed", why), `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`);
    });
  }

  /** Notes a connection that ended before it was let in. */
  note(error: FilespoolError, peer: string): void {
    this.#gathered.note(error.code, { error, peer });
  }

  /** The server ends: reports what is left. */
  close(): void {
    this.#gathered.close();
  }
}
