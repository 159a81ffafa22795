/**
 * What a server and its sessions have in common: the other side of each, so that neither imports the other.
 *
 * A session is one conversation: upload-session.ts, delivery-session.ts, operator-session.ts. What it shares with the others
 * is in the context, and that is little: where the files are, what all of them may hold together, and somebody to tell.
 */
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Spool } from "../../spool/contract.ts";
import type { ServerEvent } from "../events.ts";
import type { SharedLimit } from "../wire/shared-limit.ts";
import type { Suspects } from "./suspects.ts";

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
  /** Trouble of the server's own: a disk that fails, a bug. At most one event a second for each code. */
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
