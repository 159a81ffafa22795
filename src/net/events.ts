/**
 * What server, sender and receiver report while they run: one union of events for each side.
 *
 * The same events serve a terminal, the `--json` output and the users of the library. An event is a
 * plain object without methods, and its field names are those of the `--json` output. Sizes and
 * offsets are in bytes; a field that ends in `Ms` is in milliseconds.
 *
 *   sender     connected, offered, [resumed, progress ...], stored or refused
 *   receiver   connected, delivered, [resumed, progress ...], landed, acked or refused
 *   either     retrying, warning
 *
 * Two of them are promises. `stored` comes after the server has the file on disk, and `landed`
 * after the receiver has it on disk, as far as the durability that was asked for goes.
 *
 * Never here: how an event looks to a person (cli/report/event-text.ts), and any printing.
 */
import type { ErrorCode } from "../protocol/errors.ts";

/** The fields that say which file an event is about. */
export interface About {
  /** Transfer id: 32 hexadecimal digits, chosen by the sender. */
  readonly transfer: string;
  readonly queue: string;
  readonly name: string;
  /**
   * Bytes of the whole file. Infinity for a stream that has not ended, which is null in `--json`.
   */
  readonly size: number;
}

type Event<Name extends string, Fields> = Readonly<{ event: Name } & Fields>;
type FileEvent<Name extends string, Fields = unknown> = Event<Name, Fields & About>;
type Failure = { code: ErrorCode; message: string };

/**
 * What a sender or receiver reports. A watched folder and an operator's receipts report here as
 * well.
 */
export type TransferEvent =
  /**
   * A server has welcomed this run. `server` is its agent string; `durability` says what its
   * `stored` means.
   */
  | Event<"connected", { host: string; port: number; server: string; durability: string }>
  /**
   * Sender: the file is offered. `path` is absolute; for a stream it is the label that messages
   * use.
   */
  | FileEvent<"offered", { path: string }>
  /**
   * The transfer goes on where it stopped. The first `offset` bytes are there and are not sent
   * again.
   */
  | FileEvent<"resumed", { offset: number }>
  /** Bytes that are on disk by now: on the server's (sender), or on this machine's (receiver). */
  | FileEvent<"progress", { offset: number }>
  /**
   * Sender: the server has it on disk. `repeated`: it was there before this run. `collected`: it
   * was there before, and a receiver has taken it since.
   */
  | FileEvent<"stored", { digest: string; repeated: boolean; collected: boolean }>
  /**
   * Sender: size and time are those of a file sent before, but the content is another one. It was
   * sent as a new transfer; `before` is the id of the old one.
   */
  | FileEvent<"changed", { path: string; before: string }>
  /**
   * Receiver: the server has announced a file. `attempt`: failed deliveries of this file so far,
   * plus one.
   */
  | FileEvent<"delivered", { digest: string; attempt: number }>
  /**
   * Receiver: verified, and in the folder under `path` (absolute). `skipped`: nothing was landed,
   * because the name was taken and the policy is "skip"; `path` is "" then.
   */
  | FileEvent<"landed", { digest: string; path: string; skipped: boolean }>
  /** Receiver: the server has recorded the ack, and will not deliver this file again. */
  | FileEvent<"acked">
  /**
   * Sender: a receiver has landed it. `collectedAtMs` is null where the server did not record when.
   */
  | FileEvent<"collected", { digest: string; collectedAtMs: number | null }>
  /** Sender: the wait for receivers is over, and this file is still on the server. */
  | FileEvent<"outstanding", { state: string }>
  /**
   * This run gives this file up; the other files go on. `path`: as in `offered`, on a sender only.
   */
  | Event<"refused", Failure & { path?: string } & Partial<About>>
  /**
   * Something was left out or could not be kept, and the run goes on: a socket in a folder, a link
   * that leads out of it, a mode that this disk does not keep. `path` names what it is about.
   */
  | Event<"warning", { path: string; message: string } & Partial<About>>
  /** A folder is watched, and files that appear in it will be sent. */
  | Event<"watching", { folder: string; queue: string }>
  /** Watched folder: the file is stored, and was then moved to `to`, or deleted. */
  | FileEvent<"moved", { path: string; to: string }>
  | FileEvent<"deleted", { path: string }>
  /**
   * Watched folder: the file is stored, but could not be moved or deleted as asked. It is not sent
   * again.
   */
  | FileEvent<"kept", { path: string; message: string }>
  /** The connection, or one file, is tried again in `delayMs`. `attempt` counts from 1. */
  | Event<"retrying", Failure & { delayMs: number; attempt: number }>;

type Role = "sender" | "receiver" | "operator";

/**
 * Which of the server's connections an event is about. `connection` is its number, counted from the
 * start of the server; `peer` is the address at the other end.
 */
export type Peer = { readonly connection: number; readonly peer: string };

/** What a server reports. An event about a file says on which connection it happened. */
export type ServerEvent =
  /** The server accepts connections. With port 0, `port` is the one that the system chose. */
  | Event<"listening", { host: string; port: number }>
  | Event<"connected", Peer & { role: Role; queue?: string }>
  /** The connection is over. `code` and `message` are there when the conversation broke. */
  | Event<"disconnected", Partial<Failure> & Peer & { role: Role }>
  /**
   * Connections that ended before they were let in. One event stands for one, or for all of a
   * second; then `peer` is the last of them.
   */
  | Event<"turned-away", Failure & { connections: number; peer: string }>
  | FileEvent<"resumed", Peer & { offset: number }>
  | FileEvent<"stored", Peer & { digest: string; repeated: boolean }>
  | FileEvent<"delivered", Peer & { attempt: number }>
  | FileEvent<"acked", Peer>
  /**
   * The server refused a file. `more`: so many others of that connection were refused for the same
   * reason, and have no event of their own.
   */
  | FileEvent<"refused", Failure & Peer & { more?: number }>
  /**
   * A delivery ended without an ack. The file is back at the head of its queue, or, with `dead`, is
   * a dead letter now because it failed too often. `connection` is 0 where none was left.
   */
  | FileEvent<"returned", Peer & { reason: string; dead: boolean; more?: number }>
  /**
   * The time to live is over of a waiting file, a dead letter or an unfinished upload. `ageMs`:
   * since it was stored, since it died, or since its last progress. It was removed, or, with
   * `dead`, it is a dead letter now.
   */
  | FileEvent<"expired", { what: "file" | "dead-letter" | "upload"; ageMs: number; dead: boolean }>
  /** An operator has cancelled one file, or requeued or purged files of a queue. */
  | FileEvent<"cancelled", Peer>
  | Event<"requeued", Peer & { queue: string; files: number }>
  | Event<"purged", Peer & { queue: string; files: number; deadOnly: boolean }>
  /**
   * The server itself has trouble, such as a disk that fails a sweep. `times`: so often since the
   * last such event, where more than once.
   */
  | Event<"error", Failure & { times?: number }>
  /** The server takes no new work, and waits for `connections` to finish theirs. */
  | Event<"draining", { connections: number }>;

/** Picks from `file` the fields that an event about it carries, and no others. */
export const about = ({ transfer, queue, name, size }: About): About => ({ transfer, queue, name, size });
