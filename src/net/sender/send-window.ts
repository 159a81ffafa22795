/**
 * Which files of a sender have no answer yet, and what becomes of them when a connection ends.
 *
 * A file is in exactly one place: not begun, among the `open` ones of this connection, postponed
 * because the server had no room for it, or settled. The window bounds the open ones, by their
 * number and by their bytes. When a connection ends, every file that is not settled is offered
 * again on the next one, in the old order and with the same transfer id.
 *
 * Never here: where files come from (send-queue.ts), and what is said about them
 * (send-conversation.ts).
 */
import type { ErrorCode, FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import { Conversation } from "../../protocol/state-machine.ts";
import { UPLOAD_SENDER } from "../../protocol/upload.ts";
import type { About } from "../events.ts";
import type { OpenSource, ReadOnceSource } from "./source.ts";

/** One file on its way, from its first offer in this run to its answer. It outlives connections. */
export interface Transfer extends About {
  readonly path: string;
  /** "tar" for a folder. */
  readonly kind: string | undefined;
  /** Permission bits, and time of change as decimal text. Undefined for what has neither. */
  readonly mode: number | undefined;
  readonly mtime: string | undefined;
  /** The source itself if it can be read only once: it is kept from one connection to the next. */
  readonly kept: ReadOnceSource | undefined;
  /**
   * Where this transfer is in the upload conversation. The transition table is in
   * protocol/upload.ts.
   */
  readonly conversation: Conversation<typeof UPLOAD_SENDER>;
  /**
   * The server has all bytes before this one, as it said last: in `accept`, then in each
   * `progress`. The next `accept` is progress only if it names a later byte.
   */
  from: number;
  /** Digest of the whole content; "" until the content was read. */
  digest: string;
  /**
   * An earlier connection of this run has sent its `finish`. If the server has the file now, it has
   * it from this run.
   */
  finished: boolean;
  /** How often what arrived did not have that digest. The conversation bounds it. */
  mismatches: number;
  /**
   * Another content may have had this id, so only the digest proves that the server has this one.
   */
  readonly isDoubtful: boolean;
  /**
   * Set when the server has another content under the id `before`. The id of this transfer is then
   * derived from the digest of its own content as well: the `salt`.
   */
  readonly other: { readonly before: string; readonly salt: string } | null;
  /**
   * Set when the server says that it has this file from an earlier run. The content has yet to be
   * compared with the digest of that claim.
   */
  readonly claim: MessageOf<"stored"> | null;
}

/**
 * Whether the server's `stored` is proven to be about this content, as far as is known without
 * reading the file.
 */
export function isProven({ kept, digest, isDoubtful }: Transfer, stored: MessageOf<"stored">): boolean {
  // A file that this run has sent is proven, and so is a stream, whose id nobody else knows. A
  // small file was read before its offer, so its digest is known. Of a large one only the id is.
  return !stored.repeated || kept !== undefined || (digest === "" ? !isDoubtful : digest === stored.digest);
}

/** Refusals about the room for one file. A smaller file may still be taken. */
const NO_ROOM = new Set<ErrorCode>([
  ...(["queue-full", "queues-full", "spool-full", "index-full", "disk-full", "uploads-full"] as const),
]);
/** After so many of them, it is no use to send more content to a server that has no room. */
const POSTPONED_MAX = 16;

/**
 * How many bytes of the window a transfer takes. One that is larger than the window, or of unknown
 * size, fills it.
 */
const weight = ({ size }: Transfer) => Math.min(size, LIMITS.windowBytes);

/** A transfer that has not been offered on this connection. */
export const newConversation = () => new Conversation(UPLOAD_SENDER, "waiting");

/** The transfer of a source that was opened for the first time in this run. */
export function newTransfer(source: OpenSource, queue: string): Transfer {
  const { path, name, size, transfer, kind, mode, mtime } = source;
  const kept = source.isReadOnce ? source : undefined;
  const isDoubtful = !source.isReadOnce && source.isDoubtful;
  const state = { conversation: newConversation(), from: 0, digest: "", finished: false, mismatches: 0 };
  return Object.assign(state, { path, name, size, transfer, queue, kept, kind, mode, mtime }, NOT_KNOWN, {
    isDoubtful,
  });
}

/** Not known of a transfer until the server has answered. */
const NOT_KNOWN = { other: null, claim: null } as const;

/** The same file, to be offered from the start. `more` is what has become known of it. */
export const anew = (transfer: Transfer, more: Partial<Transfer>): Transfer => ({
  ...transfer,
  conversation: newConversation(),
  from: 0,
  ...more,
});

/**
 * The transfers that are open on one connection. One window serves a run, because what is left at
 * the end of a connection belongs to the next.
 */
export class SendWindow {
  /** By transfer id, in the order of their offers. */
  readonly #open = new Map<string, Transfer>();
  /**
   * Refused for want of room on this connection, at most POSTPONED_MAX. The next one offers them.
   */
  #postponed: Transfer[] = [];
  /** The weights of the open ones together, bytes. It grows and shrinks with `#open`. */
  #bytes = 0;
  /** The last refusal for want of room on this connection; null if none. `takeBack` clears it. */
  noRoom: FilespoolError | null = null;

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  /** Every file that was offered has its answer, and none is to be offered again. */
  get isSettled(): boolean {
    return this.isIdle && this.noRoom === null;
  }

  /** The open transfer that an answer is about. */
  transferOf(answer: Message | { readonly type: "data" }): Transfer | undefined {
    const transfer = answer.type === "refuse" ? answer.about : "transfer" in answer ? answer.transfer : undefined;
    return transfer === undefined ? undefined : this.#open.get(transfer);
  }

  /**
   * Whether this transfer may be opened beside the others. Alone it may; twice the same id may not.
   */
  hasRoom({ transfer, size }: Transfer, { windowFiles, windowBytes, pipelineBytesMax }: MessageOf<"welcome">): boolean {
    if (this.#open.has(transfer)) return false;
    const fits = size > pipelineBytesMax || this.#bytes + size <= windowBytes;
    return this.isIdle || (this.#open.size < windowFiles && fits);
  }

  /** Opens a transfer. Call it before its offer goes out. */
  open(transfer: Transfer): void {
    this.#open.set(transfer.transfer, transfer);
    this.#bytes += weight(transfer);
  }

  /** The transfer has its answer, and its place is free again. A second call does no harm. */
  close(transfer: Transfer): void {
    if (this.#open.delete(transfer.transfer)) this.#bytes -= weight(transfer);
  }

  /**
   * Puts a refused transfer aside until all others were tried.
   * @returns false if that is no use: the refusal is about something else, or too many wait already
   */
  postpone(transfer: Transfer, refusal: FilespoolError): boolean {
    if (!NO_ROOM.has(refusal.code) || this.#postponed.length >= POSTPONED_MAX) return false;
    this.close(transfer);
    this.#postponed.push(anew(transfer, { from: transfer.from })); // as before: no progress
    this.noRoom = refusal;
    return true;
  }

  /**
   * The connection is gone. Takes out every transfer without an answer, ready for the next
   * connection: first the postponed ones, then the open ones.
   */
  takeBack(): Transfer[] {
    const transfers = [...this.#postponed, ...this.#open.values()];
    for (const transfer of transfers) {
      transfer.finished ||= transfer.conversation.state === "finishing";
      transfer.conversation.on("lost");
    }
    this.#open.clear();
    this.#postponed = [];
    this.#bytes = 0;
    this.noRoom = null;
    return transfers;
  }
}

/** The server's limits, but never above our own: no server decides how much this process holds. */
export function withinLimits(server: MessageOf<"welcome">): MessageOf<"welcome"> {
  const ours = (bound: "pipelineBytesMax" | "windowFiles" | "windowBytes") => Math.min(server[bound], LIMITS[bound]);
  const window = { windowFiles: ours("windowFiles"), windowBytes: ours("windowBytes") };
  return { ...server, ...window, pipelineBytesMax: ours("pipelineBytesMax") };
}
