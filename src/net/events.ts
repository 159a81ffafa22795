/**
 * What the three programs tell whoever runs them: one union of events, for a terminal, for `--json` and
 * for the users of the library alike. Nothing in here prints; the command line decides how it looks.
 *
 * Field names are the ones of the `--json` output. Bytes are counts of bytes, `...Ms` are milliseconds.
 */
import type { ErrorCode } from "../protocol/errors.ts";

/** The fields that say which file an event is about. */
export interface About {
  /** Transfer id: 32 hexadecimal digits, chosen by the sender. */
  readonly transfer: string;
  readonly queue: string;
  readonly name: string;
  /** Size of the whole file, bytes. Of a stream that has not ended: Infinity, which is null in `--json`. */
  readonly size: number;
}

type Event<Name extends string, Fields> = Readonly<{ event: Name } & Fields>;
type FileEvent<Name extends string, Fields = unknown> = Event<Name, Fields & About>;
type Failure = { code: ErrorCode; message: string };

/** Events of a sender or receiver. */
export type TransferEvent =
  /** `server` is its agent string; `durability` is what `stored` means there. */
  | Event<"connected", { host: string; port: number; server: string; durability: string }>
  /** `path`: absolute; of a stream, what messages call it. */
  | FileEvent<"offered", { path: string }>
  /** `offset`: bytes the other end has already, which are not sent again. */
  | FileEvent<"resumed", { offset: number }>
  /** `offset`: bytes acknowledged as durable by the server (sending) or written and synced here (receiving). */
  | FileEvent<"progress", { offset: number }>
  /** `repeated`: the server had the file already; `collected`: and somebody has taken it since. */
  | FileEvent<"stored", { digest: string; repeated: boolean; collected: boolean }>
  /** The server has another content under the id `before`, although size and time are the same: sent as a new transfer. */
  | FileEvent<"changed", { path: string; before: string }>
  /** `attempt`: failed deliveries of this file so far, plus one. */
  | FileEvent<"delivered", { digest: string; attempt: number }>
  /** In the folder under `path` (absolute), verified. `skipped`: a file of that name was there, and the policy is skip. */
  | FileEvent<"landed", { digest: string; path: string; skipped: boolean }>
  | FileEvent<"acked">
  /** Sender: a receiver has it, verified; null where the server did not note when. */
  | FileEvent<"collected", { digest: string; collectedAtMs: number | null }>
  /** Sender: the time to wait for that is over, and the file is still on the server. */
  | FileEvent<"outstanding", { state: string }>
  /** This file failed for good (this run); the others go on. `path`: the sender's, as in `offered`. */
  | Event<"refused", Failure & { path?: string } & Partial<About>>
  /** Something in a folder was left out: a socket, a link that leads out of it. `path`: absolute; receiving: in the folder. */
  | Event<"warning", { path: string; message: string } & Partial<About>>
  /** A folder is being watched for files to send. */
  | Event<"watching", { folder: string; queue: string }>
  /** Watched folder: it was stored, and is now under `to`, or gone. */
  | FileEvent<"moved", { path: string; to: string }>
  | FileEvent<"deleted", { path: string }>
  /** Watched folder: it was stored, should have been moved or deleted, and is still there. It is not sent again. */
  | FileEvent<"kept", { path: string; message: string }>
  /** The connection or the file will be tried again in `delayMs`. */
  | Event<"retrying", Failure & { delayMs: number; attempt: number }>;

type Role = "sender" | "receiver" | "operator";

/** Which of the server's connections an event is about: its number, counted from the start, and who is at the other end. */
export type Peer = { readonly connection: number; readonly peer: string };

/** Events of a server. */
export type ServerEvent =
  | Event<"listening", { host: string; port: number }>
  | Event<"connected", Peer & { role: Role; queue?: string }>
  /** With `code` and `message` when the conversation broke. */
  | Event<"disconnected", Partial<Failure> & Peer & { role: Role }>
  /** Ended before they were let in: so many connections (one, or those of a second), of which `peer` is the last. */
  | Event<"turned-away", Failure & { connections: number; peer: string }>
  | FileEvent<"resumed", Peer & { offset: number }>
  | FileEvent<"stored", Peer & { digest: string; repeated: boolean }>
  | FileEvent<"delivered", Peer & { attempt: number }>
  | FileEvent<"acked", Peer>
  /** `more`: so many others of that connection, for the same reason, have no event of their own. */
  | FileEvent<"refused", Failure & Peer & { more?: number }>
  /** Not taken; back to the head of its queue, or (`dead`) it failed too often and is a dead letter now. 0: no connection. */
  | FileEvent<"returned", Peer & { reason: string; dead: boolean; more?: number }>
  /**
   * Its time was over: a waiting file, a dead letter, or an unfinished upload, `ageMs` after it was stored, died, or made its
   * last progress. Removed, or (`dead`) a dead letter now.
   */
  | FileEvent<"expired", { what: "file" | "dead-letter" | "upload"; ageMs: number; dead: boolean }>
  /** An operator's doing: one file, or so many files of a queue. */
  | FileEvent<"cancelled", Peer>
  | Event<"requeued", Peer & { queue: string; files: number }>
  | Event<"purged", Peer & { queue: string; files: number; deadOnly: boolean }>
  /** `times`: so often since the event before, if more than once. */
  | Event<"error", Failure & { times?: number }>
  /** The server no longer takes new work and waits for `connections` to finish theirs. */
  | Event<"draining", { connections: number }>;

/** The fields of `file` that an event about it carries, and no others. */
export const about = ({ transfer, queue, name, size }: About): About => ({ transfer, queue, name, size });
