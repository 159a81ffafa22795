/**
 * The server: accepts connections, shakes hands, and hands each one to its conversation.
 *
 * One connection is one conversation, as its first frame says: upload-session.ts for a sender,
 * delivery-session.ts for a receiver, a session of an extension for an operator. This file does
 * what concerns all of them:
 *
 *   how many    at most `connectionsMax` at a time; one more is refused with a *temporary* error
 *   who         the gate lets a peer in before anything is done for it; the newest connection of a peer
 *               ends its older one, which a client that reconnects has given up
 *   the second  once a second: the spool's sweep, and the rights that have ended
 *   the end     finish what is in flight and refuse what is new, again with a temporary error, so that
 *               clients come back instead of giving up
 *
 * Never here: what a conversation says (the sessions), where files are (spool/contract.ts), and
 * which extensions a server has (../create-server.ts). Read next: session.ts, then
 * upload-session.ts.
 */
import type { Socket } from "node:net";
import { assert, FilespoolError, failure, known } from "../../protocol/errors.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Spool } from "../../spool/contract.ts";
import type { ServerEvent } from "../events.ts";
import { AGENT, type TlsIdentity } from "../options.ts";
import { Connection } from "../wire/connection.ts";
import { SharedLimit } from "../wire/shared-limit.ts";
import { WireMemory } from "../wire/wire-memory.ts";
import { type Access, demand, EVERYBODY, type Gate } from "./access.ts";
import { asHello } from "./hello.ts";
import { PerSecond } from "./per-second.ts";
import type { Listener, NetLimits, ServerContext, ServerObserver, Session, Sessions } from "./session.ts";
import { Suspects } from "./suspects.ts";
import { SWEEP_MS, Sweeps } from "./sweeps.ts";

/** What a server is made of. */
export interface ServerParts {
  /** As it was asked for; what it listens on is known by `listener`. */
  readonly host: string;
  /** It listens already. */
  readonly listener: Listener;
  readonly spool: Spool;
  /** Most bytes of one data frame on the way out. */
  readonly bufferBytes: number;
  readonly gate: Gate | undefined;
  readonly limits: NetLimits;
  readonly sessions: Sessions;
  readonly observer: ServerObserver;
  readonly onEvent: (event: ServerEvent) => void;
}

/** One connection that the server has not let go of. */
interface Running {
  /** Null until its hello has been answered. */
  session: Session | null;
  access: Access;
  /**
   * The peer as its token vouches for it. Two tokens that claim one peer id are two peers: nobody
   * can end a connection of somebody else by guessing its id.
   */
  who?: string;
  /** Resolves when its conversation is over, and what its session held is free again. */
  readonly over: Promise<void>;
}

export class Server implements ServerContext {
  readonly host: string;
  readonly port: number;
  readonly spool: Spool;
  readonly bufferBytes: number;
  readonly agent = AGENT;
  readonly limits: NetLimits;
  /**
   * `close` was called. From then on every hello is refused, and sessions end at their next pause.
   */
  isDraining = false;
  readonly deliveries = new SharedLimit(() => this.limits.unsettledFilesMax);
  readonly suspects: Suspects;
  /** Bytes that wait to be sent, of all connections. */
  readonly unsent = new SharedLimit(() => this.limits.unsentBytesMax);
  /**
   * Buffers that are used again, and the numbers of connections: shared by all connections of this
   * server.
   */
  readonly #memory = new WireMemory();
  readonly #listener: Listener;
  readonly #gate: Gate | undefined;
  readonly #sessions: Sessions;
  readonly #observer: ServerObserver;
  readonly #onEvent: (event: ServerEvent) => void;
  /**
   * Every connection from its first byte to the end of its conversation. `connectionsMax` bounds
   * it.
   */
  readonly #running = new Map<Connection, Running>();
  /**
   * The newest connection of each peer, by `Running.who`. An older one of the same peer is
   * destroyed as soon as the newer one is let in, and deletes its entry only if it still is the
   * newest.
   */
  readonly #newest = new Map<string, Connection>();
  /** Bytes of the connections that are over; those of the others are asked of them. */
  readonly #traffic = { received: 0, sent: 0 };
  /**
   * Connections that are over, and whose sockets are not closed yet. They hold a descriptor, no
   * place.
   */
  leaving = 0;
  readonly #troubles = new PerSecond<FilespoolError>((error, times) =>
    this.emit({ event: "error", ...failure(error), ...(times > 1 && { times }) }),
  );
  /** Ticks once a second until `close`. It keeps no process alive that has nothing else to do. */
  readonly #sweeper: NodeJS.Timeout;
  readonly #sweeps: Sweeps;

  constructor({ host, listener, spool, bufferBytes, gate, limits, sessions, observer, onEvent }: ServerParts) {
    const address = listener.sockets.address();
    this.host = host;
    this.port = typeof address === "object" && address ? address.port : 0;
    this.spool = spool;
    this.bufferBytes = bufferBytes;
    this.limits = limits;
    this.suspects = new Suspects((transfer, left) => spool.onEnded(transfer, left));
    this.#listener = listener;
    this.#gate = gate;
    this.#sessions = sessions;
    this.#observer = observer;
    this.#onEvent = onEvent;
    this.#sweeps = new Sweeps(this);
    this.#sweeper = setInterval(() => {
      this.#endRights(); // by itself and first: a sweep may wait for a disk
      observer.everySecond((error) => this.report(error));
      this.#sweeps.begin();
    }, SWEEP_MS).unref();
    this.#endRights();
    listener.sockets.on(listener.socketEvent, (socket: Socket) => this.#accept(socket));
    listener.sockets.on("error", (error) => this.report(error));
    this.emit({ event: "listening", host: this.host, port: this.port });
  }

  emit(event: ServerEvent): void {
    this.#onEvent(event);
  }

  /**
   * Trouble of our own, for the person who runs this server: one event a second for each error
   * code.
   */
  report(error: unknown): void {
    this.#troubles.note(known(error).code, known(error));
  }

  /** Bytes on the wire since the start, both ways, of all connections. */
  traffic(): { readonly received: number; readonly sent: number } {
    const sum = { ...this.#traffic };
    for (const connection of this.#running.keys()) this.#count(sum, connection);
    return sum;
  }

  /** Adds what one connection has moved. */
  #count(sum: { received: number; sent: number }, { traffic }: Connection): void {
    sum.received += traffic.received;
    sum.sent += traffic.sent;
  }

  /**
   * One more connection, or one too many. It counts from its first byte, so silent ones are bounded
   * as well.
   */
  #accept(socket: Socket): void {
    const connection = Connection.accept(socket, this.limits, this.unsent, this.#memory);
    if (this.#running.size >= this.limits.connectionsMax) {
      const full = new FilespoolError("connections-full");
      connection.fail(full);
      this.#observer.rejected(full, connection.peer);
      return this.#leaves(connection);
    }
    const over = this.#converse(connection).finally(() => this.#running.delete(connection));
    this.#running.set(connection, { session: null, access: EVERYBODY, over });
  }

  /**
   * One connection, from its first frame to its end. Never throws: the peer is told what breaks a
   * conversation.
   */
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
      // The observer gathers strangers. With an event for each, any stranger could fill a disk with
      // log lines.
      if (!hello) this.#observer.rejected(failed, peer);
      else this.emit({ event: "disconnected", connection: id, role: hello.role, peer, ...failure(failed) });
    } finally {
      const { who = "" } = this.#running.get(connection) ?? {};
      if (this.#newest.get(who) === connection) this.#newest.delete(who);
      this.#count(this.#traffic, connection);
      this.#leaves(connection);
    }
  }

  /** A socket that waits for its other end to close is a descriptor as well: bounded, too. */
  #leaves(connection: Connection): void {
    if (this.leaving >= this.limits.connectionsMax) return connection.destroy(new FilespoolError("connection-lost"));
    this.leaving++;
    void connection.closed().then(() => this.leaving--);
  }

  /** The conversation that the hello asks for. */
  #sessionFor(connection: Connection, hello: MessageOf<"hello">, running?: Running): Session {
    const { access = EVERYBODY, who = "" } = running ?? {};
    const begin = this.#sessions[hello.role];
    assert(begin, "the hello of a role without a session was refused");
    return begin(connection, this, access, hello, who);
  }

  /**
   * Reads the first frame and decides whether this peer is let in.
   * @returns null when the peer went away without a word
   * @throws FilespoolError what `asHello` throws; shutting-down; what the gate refuses it for
   */
  async #greet(connection: Connection): Promise<MessageOf<"hello"> | null> {
    const frame = await connection.read();
    if (!frame) return null;
    const hello = asHello(frame, this.#sessions);
    if (this.isDraining) throw new FilespoolError("shutting-down");
    // 1. May it be here at all? Nothing is done for it, or against anybody else, before that.
    const access = this.#gate?.admit(hello.token, connection.address) ?? EVERYBODY;
    if (hello.role === "receiver") demand(access, "collect", hello.queue ?? "");
    // 2. Its older connection ends without a word: the client of that one has given it up.
    const running = this.#running.get(connection);
    const who = `${access.id ?? ""} ${hello.peer}`;
    if (running) Object.assign(running, { access, who });
    const older = this.#newest.get(who);
    this.#newest.set(who, connection);
    older?.destroy(new FilespoolError("superseded"));
    // 3. What the older one held must be free before this one asks, or it would hear that nothing
    // is waiting.
    if (older) await this.#running.get(older)?.over;
    this.suspects.back(who);
    return hello;
  }

  /** Ends the connections whose token was revoked or has expired since they were let in. */
  #endRights(): void {
    // Node's count holds sockets whose TLS handshake is under way, too. So those are bounded as
    // well, by the time of a handshake and by this.
    if (this.#listener.useCertificate) this.#listener.sockets.maxConnections = 2 * this.limits.connectionsMax;
    for (const [connection, { access }] of this.#running) {
      if (access.isOver)
        connection.fail(new FilespoolError("token-refused", "the token has been revoked or has expired"));
    }
  }

  /** New connections are encrypted with this from now on. @throws FilespoolError tls-failed */
  useCertificate(identity: TlsIdentity): void {
    assert(this.#listener.useCertificate, "a server that does not encrypt has no certificate");
    this.#listener.useCertificate(identity);
  }

  /**
   * Stops: takes no new connection or file, lets what is in flight finish for up to `drainMs`
   * milliseconds, then cuts the rest (which costs those clients no more than any other cut).
   * Resolves when all is over.
   */
  async close({ drainMs = this.limits.drainMs } = {}): Promise<void> {
    this.isDraining = true;
    clearInterval(this.#sweeper);
    this.#listener.sockets.close();
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
    this.#observer.close();
    this.#troubles.close();
  }
}
