/**
 * What a server and its sessions know of each other, as interfaces. So neither imports the other.
 *
 * A session is one conversation: upload-session.ts, delivery-session.ts, operator-session.ts. It
 * shares little with the others, and that is the context: where the files are, what all connections
 * may hold together, and who is told of events. The other interfaces are what ../create-server.ts
 * hands to a server: a listener, an observer, a table of sessions.
 */
import type { Server as SocketServer } from "node:net";
import type { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Spool } from "../../spool/contract.ts";
import type { ServerEvent } from "../events.ts";
import type { TlsIdentity } from "../options.ts";
import type { Connection } from "../wire/connection.ts";
import type { Patience } from "../wire/deadlines.ts";
import type { SharedLimit } from "../wire/shared-limit.ts";
import type { Access } from "./access.ts";
import type { Suspects } from "./suspects.ts";

/**
 * The bounds of one server beside those of its spool. Counts as well as bytes; times in
 * milliseconds.
 */
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

/**
 * What a server listens with: plain sockets, or such that are encrypted already when it gets them.
 */
export interface Listener {
  readonly sockets: SocketServer;
  /** The event of `sockets` that brings a socket on which frames may be read. */
  readonly socketEvent: "connection" | "secureConnection";
  /**
   * From now on, new connections are encrypted with this certificate; those that are there keep
   * theirs. A listener that does not encrypt has no such function.
   * @throws FilespoolError tls-failed; then nothing has changed
   */
  useCertificate?(identity: TlsIdentity): void;
}

/** Who hears of what concerns the whole server and no session. */
export interface ServerObserver {
  /** A connection ended before it was let in. `peer` is its address. */
  rejected(error: FilespoolError, peer: string): void;
  /** Called once a second. What it finds wrong with the machine it hands to `report`. */
  everySecond(report: (error: FilespoolError) => void): void;
  /** The server has ended. What was gathered and not told yet is told now. */
  close(): void;
}

/**
 * The conversations that this server knows, by the role in `hello`. A role without one is refused.
 */
export type Sessions = {
  readonly [role in MessageOf<"hello">["role"]]?: (
    connection: Connection,
    server: ServerContext,
    access: Access,
    hello: MessageOf<"hello">,
    /** The peer as its token vouches for it: the same for each connection of one run. */
    who: string,
  ) => Session;
};

/** What sessions share of their server. */
export interface ServerContext {
  readonly spool: Spool;
  readonly bufferBytes: number;
  readonly agent: string;
  readonly isDraining: boolean;
  /** Deliveries without a verdict, of all connections. */
  readonly deliveries: SharedLimit;
  readonly suspects: Suspects;
  emit(event: ServerEvent): void;
  /**
   * Trouble of the server's own: a disk that fails, a bug. At most one event a second for each
   * code.
   */
  report(error: unknown): void;
}

/** One conversation. */
export interface Session {
  /** Runs until the peer says goodbye; throws when the conversation breaks. */
  run(): Promise<void>;
  /** Ends the conversation as soon as nothing is in flight. */
  drain(): void;
}

/** The answer to a hello. */
export function welcome({ spool, agent }: ServerContext): MessageOf<"welcome"> {
  const { durability, limits } = spool;
  const { pipelineBytesMax, windowFiles, windowBytes, dataBytesMax } = LIMITS;
  const fileBytesMax = Math.min(limits.fileBytesMax, LIMITS.fileBytesMax);
  const bounds = { dataBytesMax, fileBytesMax, pipelineBytesMax, windowFiles, windowBytes, leaseMs: limits.leaseMs };
  const version = LIMITS.versions[0] as number;
  return { type: "welcome", version, agent, durability, digests: [...spool.digests], ...bounds, zeros: true };
}
