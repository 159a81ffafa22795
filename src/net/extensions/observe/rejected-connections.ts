/**
 * Connections that end before they were let in: there is no room for one more, what came was no TLS or no frame, the
 * token is wrong, or nothing came at all.
 *
 * An operator must hear of it, since clients may see a fault that only the server knows the reason of. But whoever is
 * turned away tries again, and there may be thousands of them a second: so the first is told at once, and those of the
 * second after that as one event with their number (per-second.ts). What is told is bounded, whatever knocks.
 *
 *   turned-away  {"code":"token-refused","connections":1,"peer":"192.0.2.7:50312",...}       at once
 *   turned-away  {"code":"token-refused","connections":4711,"peer":"192.0.2.9:40112",...}    a second later
 *
 * Never here: why somebody is not let in (server.ts, access.ts), and what is shown of it (cli/report/event-text.ts). Why: adr/0081.
 */
import type { Server, Socket } from "node:net";
import { FilespoolError, failure } from "../../../protocol/errors.ts";
import type { ServerEvent } from "../../events.ts";
import { PerSecond } from "../../server/per-second.ts";

export class RejectedConnections {
  readonly #gathered: PerSecond<{ readonly error: FilespoolError; readonly peer: string }>;

  /** Listens for connections that do not manage to encrypt; a plain listener has none. First, for a socket that was closed has no address. */
  constructor(listener: Server, emit: (event: ServerEvent) => void) {
    this.#gathered = new PerSecond(({ error, peer }, connections) =>
      emit({ event: "turned-away", peer, connections, ...failure(error) }),
    );
    listener.prependListener("tlsClientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      // Who hangs up before a word (a health check, say) is no news, here as without encryption.
      if (error.code === "ECONNRESET") return;
      const isPlain = error.code === "ERR_SSL_WRONG_VERSION_NUMBER" || error.code === "ERR_SSL_HTTP_REQUEST";
      const why = isPlain ? "it does not encrypt, and this server does" : `its handshake failed (${error.code})`;
      this.note(new FilespoolError("tls-failed", why), `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`);
    });
  }

  /** It ended before it was let in. */
  note(error: FilespoolError, peer: string): void {
    this.#gathered.note(error.code, { error, peer });
  }

  /** The server ends. */
  close(): void {
    this.#gathered.close();
  }
}
