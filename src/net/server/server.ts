/**
 * The server: listens, shakes hands, and hands each connection to its conversation.
 *
 * One connection is one conversation, as its first frame says: upload-session.ts for a sender, delivery-session.ts
 * for a receiver, operator-session.ts for an operator. What is left for this file is what concerns all of them: how many there may be, which one
 * is the newest of its peer, the sweep of the spool once a second, and the way to stop: finish what is in
 * flight, refuse what is new with a *temporary* error, so that clients come back instead of giving up.
 */
import { once } from "node:events";
import { createServer as createSocketServer, type Socket, type Server as SocketServer } from "node:net";
import { describe } from "../../disk/system-errors.ts";
import { assert, FilespoolError, failure, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Spool } from "../../spool/contract.ts";
import type { ServerEvent } from "../events.ts";
import { OutOfDescriptors } from "../extensions/observe/out-of-descriptors.ts";
import { RejectedConnections } from "../extensions/observe/rejected-connections.ts";
import { OperateSession } from "../extensions/operate/operator-session.ts";
import { AGENT, DEFAULTS, type TlsIdentity } from "../options.ts";
import { Connection } from "../wire/connection.ts";
import type { Patience } from "../wire/deadlines.ts";
import { SharedLimit } from "../wire/shared-limit.ts";
import { WireMemory } from "../wire/wire-memory.ts";
import { type Access, demand, EVERYBODY, type Gate, missingProtection } from "./access.ts";
import { DeliverySession } from "./delivery-session.ts";
import { PerSecond } from "./per-second.ts";
import type { ServerContext, Session } from "./session.ts";
import { Suspects } from "./suspects.ts";
import { SWEEP_MS, Sweeps } from "./sweeps.ts";
import { UploadSession } from "./upload-session.ts";

export interface NetLimits extends Patience {
  /** Connections at a time; more are refused with a temporary error. */
  readonly connectionsMax: number;
  /** How long `close` waits for what is in flight. */
  readonly drainMs: number;
  /** What all connections may hold together of content that waits to be sent, bytes. */
  readonly unsentBytesMax: number;
  /** Deliveries of all connections together that have no verdict. */
  readonly unsettledFilesMax: number;
}

export interface ServerOptions {
  /** Defaults are in DEFAULTS; port 0 picks a free one. */
  readonly host?: string;
  readonly port?: number;
  /** Most bytes of one data frame on the way out. */
  readonly bufferBytes?: number;
  /** Where the files are. The caller closes it, after the server. */
  readonly spool: Spool;
  /** Who may do what; without it, everybody everything. */
  readonly gate?: Gate;
  /** Encrypts every connection with this certificate. */
  readonly tls?: TlsIdentity;
  /** Allows an address that other machines can reach although `gate` or `tls` is missing. */
  readonly insecure?: boolean;
  readonly limits?: Partial<NetLimits>;
  readonly onEvent?: (event: ServerEvent) => void;
}

interface Running {
  session: Session | null;
  access: Access;
  who?: string; // a peer, as its token vouches for it
  readonly over: Promise<void>;
}

/**
 * Starts a server. Resolves when it listens.
 * @throws FilespoolError address-unusable, tls-failed when the certificate and its key are none
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { host = DEFAULTS.host, port = DEFAULTS.port, tls, gate, insecure = false } = options;
  const missing = missingProtection({ host, hasTls: tls !== undefined, hasGate: gate !== undefined, insecure });
  if (missing)
    throw new FilespoolError("address-unusable", `other machines may reach ${host}, and this server has no ${missing}`);
  const encryption = tls && (await import("../extensions/trust/tls.ts")); // only who encrypts pays for loading it
  const listener =
    encryption?.createTlsListener(tls as TlsIdentity, options.limits?.handshakeMs) ??
    createSocketServer({ allowHalfOpen: true, pauseOnConnect: true });
  listener.listen({ host, port });
  try {
    await once(listener, "listening");
  } catch (error) {
    const why = `cannot listen on ${host}:${port}: ${describe(error)}`;
    throw new FilespoolError("address-unusable", why, { cause: error });
  }
  return new Server(listener, options, host, encryption);
}

export class Server implements ServerContext {
  readonly host: string;
  readonly port: number;
  readonly spool: Spool;
  readonly bufferBytes: number;
  readonly agent = AGENT;
  isDraining = false;
  readonly recording = new Map<string, number>();
  readonly deliveries = new SharedLimit(() => this.limits.unsettledFilesMax);
  readonly suspects: Suspects;
  /** Bytes that wait to be sent, of all connections. */
  readonly unsent = new SharedLimit(() => this.limits.unsentBytesMax);
  /** Buffers that are used again, and the numbers of connections: shared by all connections of this server. */
  readonly #memory = new WireMemory();
  readonly #listener: SocketServer;
  readonly #tls: typeof import("../extensions/trust/tls.ts") | undefined;
  readonly #options: ServerOptions;
  readonly limits: NetLimits;
  /** Every connection, with its session and rights once it has said hello, and the promise that it is over. */
  readonly #running = new Map<Connection, Running>();
  /** The newest connection of each peer. */
  readonly #newest = new Map<string, Connection>();
  /** Bytes of the connections that are over. */
  readonly #traffic = { received: 0, sent: 0 };
  /** Connections that are over, and whose sockets are not closed yet. */
  leaving = 0;
  readonly #rejectedConnections: RejectedConnections;
  readonly #troubles = new PerSecond<FilespoolError>((error, times) =>
    this.emit({ event: "error", ...failure(error), ...(times > 1 && { times }) }),
  );
  readonly #sweeper: NodeJS.Timeout;
  readonly #sweeps: Sweeps;
  readonly #descriptors = new OutOfDescriptors();

  constructor(
    listener: SocketServer,
    options: ServerOptions,
    host: string,
    encryption?: typeof import("../extensions/trust/tls.ts"),
  ) {
    const address = listener.address();
    this.host = host;
    this.port = typeof address === "object" && address ? address.port : 0;
    this.spool = options.spool;
    this.suspects = new Suspects((transfer, listener) => this.spool.operate.onEnded(transfer, listener));
    this.bufferBytes = options.bufferBytes ?? DEFAULTS.bufferBytes;
    this.#listener = listener;
    this.#tls = encryption;
    this.#options = options;
    this.limits = { connectionsMax: 10_000, drainMs: 10_000, ...LIMITS, ...options.limits };
    this.#sweeps = new Sweeps(this);
    this.#sweeper = setInterval(() => {
      this.#endRights(); // not part of the sweep, which may wait for a disk
      this.#descriptors.look((error) => this.report(error));
      this.#sweeps.begin();
    }, SWEEP_MS).unref();
    this.#endRights();
    listener.on(options.tls ? "secureConnection" : "connection", (socket: Socket) => this.#accept(socket));
    listener.on("error", (error) => this.report(error));
    this.#rejectedConnections = new RejectedConnections(listener, (event) => this.emit(event));
    this.emit({ event: "listening", host: this.host, port: this.port });
  }

  emit(event: ServerEvent): void {
    this.#options.onEvent?.(event);
  }

  /** Bytes on the wire since the start, both ways, of all connections. */
  traffic(): { readonly received: number; readonly sent: number } {
    const sum = { ...this.#traffic };
    for (const connection of this.#running.keys()) this.#count(sum, connection);
    return sum;
  }

  #count(sum: { received: number; sent: number }, { traffic }: Connection): void {
    sum.received += traffic.received;
    sum.sent += traffic.sent;
  }

  /** Trouble of our own, for whoever runs this server. */
  report(error: unknown): void {
    this.#troubles.note(known(error).code, known(error));
  }

  #accept(socket: Socket): void {
    const connection = Connection.accept(socket, this.limits, this.unsent, this.#memory);
    if (this.#running.size >= this.limits.connectionsMax) {
      this.#rejectedConnections.full(connection);
      return this.#leaves(connection);
    }
    const over = this.#converse(connection).finally(() => this.#running.delete(connection));
    this.#running.set(connection, { session: null, access: EVERYBODY, over });
  }

  /** One connection from its first frame to its end. Never throws: what breaks a conversation is told to the peer. */
  async #converse(connection: Connection): Promise<void> {
    let hello: MessageOf<"hello"> | null = null;
    const { id, peer } = connection;
    try {
      hello = await this.#greet(connection);
      if (!hello) return connection.end();
      const { role, queue } = hello;
      this.emit({ event: "connected", connection: id, role, peer, ...(queue !== undefined && { queue }) });
      const running = this.#running.get(connection);
      const session = this.#sessionFor(connection, hello, running);
      if (running) running.session = session;
      await session.run();
      connection.end();
      this.emit({ event: "disconnected", connection: id, role, peer });
    } catch (error) {
      const failed = known(error);
      if (failed.code === "internal") this.report(error);
      connection.fail(failed);
      // Who was not let in is told of together with all the others: else any stranger could fill a disk with lines.
      if (!hello) this.#rejectedConnections.note(failed, peer);
      else this.emit({ event: "disconnected", connection: id, role: hello.role, peer, ...failure(failed) });
    } finally {
      const { who = "" } = this.#running.get(connection) ?? {};
      if (this.#newest.get(who) === connection) this.#newest.delete(who);
      this.#count(this.#traffic, connection);
      this.#leaves(connection);
    }
  }

  /** A socket that waits for its other end to close is a descriptor as well, for a second at most. These are bounded like the others. */
  #leaves(connection: Connection): void {
    if (this.leaving >= this.limits.connectionsMax) return connection.destroy(new FilespoolError("connection-lost"));
    this.leaving++;
    void connection.closed().then(() => this.leaving--);
  }

  #sessionFor(connection: Connection, hello: MessageOf<"hello">, running?: Running): Session {
    const { access = EVERYBODY, who = "" } = running ?? {};
    if (hello.role === "sender") return new UploadSession(connection, this, access);
    if (hello.role === "receiver") return new DeliverySession(connection, this, access, hello, who);
    return new OperateSession(connection, this, access);
  }

  /** The first frame: version, and the newest connection of a peer ends its older one. Null: it went away silently. */
  async #greet(connection: Connection): Promise<MessageOf<"hello"> | null> {
    const hello = await connection.read();
    if (!hello) return null;
    if (hello.type !== "hello")
      throw new FilespoolError("frame-unexpected", `a conversation begins with hello, not ${hello.type}`);
    if (!hello.versions.some((version) => LIMITS.versions.includes(version))) {
      const both = `you speak ${hello.versions.join(", ")}, this server speaks ${LIMITS.versions.join(", ")}`;
      throw new FilespoolError("version-unsupported", both);
    }
    if (hello.role === "receiver" && hello.queue === undefined)
      throw new FilespoolError("message-invalid", "a receiver names a queue");
    if (this.isDraining) throw new FilespoolError("shutting-down");
    // Before anything is done for it, or against anybody else: may it be here at all?
    const access = this.#options.gate?.admit(hello.token, connection.address) ?? EVERYBODY;
    if (hello.role === "receiver") demand(access, "collect", hello.queue ?? "");
    const running = this.#running.get(connection);
    // Who knows the id of somebody else's peer, and has a token for another queue, must not end that one's connection.
    const who = `${access.id ?? ""} ${hello.peer}`;
    if (running) Object.assign(running, { access, who });
    const older = this.#newest.get(who);
    this.#newest.set(who, connection);
    older?.destroy(new FilespoolError("superseded")); // without a word: its own client gave it up
    // What the older one held must be free before this one asks, or it would hear that nothing is waiting.
    if (older) await this.#running.get(older)?.over;
    this.suspects.back(who);
    return hello;
  }

  #endRights(): void {
    // Who has not shown yet that it can encrypt is bounded as well: by the handshake's time, and by this.
    if (this.#tls) this.#listener.maxConnections = 2 * this.limits.connectionsMax;
    for (const [connection, { access }] of this.#running) {
      if (access.isOver)
        connection.fail(new FilespoolError("token-refused", "the token has been revoked or has expired"));
    }
  }

  /** From now on, new connections are encrypted with this certificate. @throws FilespoolError tls-failed; the old one stays */
  useCertificate(identity: TlsIdentity): void {
    assert(this.#tls, "a server that does not encrypt has no certificate");
    this.#tls.replaceCertificate(this.#listener, identity);
  }

  /**
   * Stops: takes no new connection or file, lets what is in flight finish for up to `drainMs`, then cuts the
   * rest (which costs those clients no more than any other cut). Resolves when all is over.
   */
  async close({ drainMs = this.limits.drainMs } = {}): Promise<void> {
    this.isDraining = true;
    clearInterval(this.#sweeper);
    this.#listener.close();
    this.emit({ event: "draining", connections: this.#running.size });
    for (const [connection, { session }] of this.#running) {
      if (session) session.drain();
      else connection.fail(new FilespoolError("shutting-down"));
    }
    const cut = setTimeout(() => {
      for (const connection of this.#running.keys()) connection.destroy(new FilespoolError("shutting-down"));
    }, drainMs);
    await Promise.all([...this.#running.values()].map(({ over }) => over));
    clearTimeout(cut);
    await this.#sweeps.idle();
    this.#rejectedConnections.close();
    this.#troubles.close();
  }
}
