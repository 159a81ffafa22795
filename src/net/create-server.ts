/**
 * `createServer`: the one place that puts a server together from the core and its extensions.
 *
 * server/server.ts knows a listener, a table of sessions and an observer by their interfaces. Which
 * listener (plain or encrypted), which roles (operators or not) and who observes is decided here,
 * so that the core imports no extension. Read next: server/server.ts for what a server does with
 * them.
 *
 * Never here: what happens on a connection. Why wiring has files of its own: adr/0036, adr/0111.
 */
import { once } from "node:events";
import { createServer as createSocketServer } from "node:net";
import { describe } from "../disk/system-errors.ts";
import { FilespoolError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ManagedSpool } from "../spool/operate/contract.ts";
import type { ServerEvent } from "./events.ts";
import { ServerWatch } from "./extensions/observe/server-watch.ts";
import { OperateSession } from "./extensions/operate/operator-session.ts";
import { DEFAULTS, type TlsIdentity } from "./options.ts";
import { type Gate, missingProtection } from "./server/access.ts";
import { DeliverySession } from "./server/delivery-session.ts";
import { Server } from "./server/server.ts";
import type { Listener, NetLimits, Sessions } from "./server/session.ts";
import { UploadSession } from "./server/upload-session.ts";

export interface ServerOptions {
  /** Defaults are in DEFAULTS; port 0 picks a free one. */
  readonly host?: string;
  readonly port?: number;
  /** Most bytes of one data frame on the way out. */
  readonly bufferBytes?: number;
  /** Where the files are. The caller closes it, after the server. */
  readonly spool: ManagedSpool;
  /** Who may do what; without it, everybody everything. */
  readonly gate?: Gate;
  /** Encrypts every connection with this certificate. */
  readonly tls?: TlsIdentity;
  /** Allows an address that other machines can reach although `gate` or `tls` is missing. */
  readonly insecure?: boolean;
  readonly limits?: Partial<NetLimits>;
  readonly onEvent?: (event: ServerEvent) => void;
}

/** Which conversation each role of a `hello` begins. The two of the core, and that of operators. */
const sessionsOn = (spool: ManagedSpool): Sessions => ({
  sender: (connection, server, access) => new UploadSession(connection, server, access),
  receiver: (...parts) => new DeliverySession(...parts),
  operator: (connection, server, access) => new OperateSession(connection, server, access, spool.operate),
});

/**
 * Starts a server. Resolves when it listens.
 * @throws FilespoolError address-unusable: it cannot listen there, or other machines could reach it
 * without the protection that this asks for; tls-failed: certificate and key are not a pair
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { host = DEFAULTS.host, port = DEFAULTS.port, bufferBytes = DEFAULTS.bufferBytes, tls, gate, spool } = options;
  const { insecure = false, onEvent = () => {} } = options;
  const missing = missingProtection({ host, hasTls: tls !== undefined, hasGate: gate !== undefined, insecure });
  if (missing)
    throw new FilespoolError("address-unusable", `other machines may reach ${host}, and this server has no ${missing}`);
  const limits = { connectionsMax: 10_000, drainMs: 10_000, ...LIMITS, ...options.limits };
  const listener = tls ? await encrypted(tls, limits.handshakeMs) : plain();
  listener.sockets.listen({ host, port });
  try {
    await once(listener.sockets, "listening");
  } catch (error) {
    const why = `cannot listen on ${host}:${port}: ${describe(error)}`;
    throw new FilespoolError("address-unusable", why, { cause: error });
  }
  const observer = new ServerWatch(listener.sockets, onEvent);
  const sessions = sessionsOn(spool);
  return new Server({ host, listener, spool, bufferBytes, gate, limits, onEvent, observer, sessions });
}

/**
 * Frames over TCP as it is. `pauseOnConnect`: the connection reads into buffers of its own
 * (adr/0031).
 */
const plain = (): Listener => ({
  sockets: createSocketServer({ allowHalfOpen: true, pauseOnConnect: true }),
  socketEvent: "connection",
});

/**
 * The same frames inside of TLS. Only a server that encrypts pays for loading the code that does.
 */
async function encrypted(identity: TlsIdentity, handshakeMs: number): Promise<Listener> {
  const { createTlsListener, replaceCertificate } = await import("./extensions/trust/tls.ts");
  const sockets = createTlsListener(identity, handshakeMs);
  return {
    sockets,
    socketEvent: "secureConnection",
    useCertificate: (other) => replaceCertificate(sockets, other),
  };
}
