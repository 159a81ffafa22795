/**
 * Which files of a sender have no answer yet, and what becomes of them when a connection ends.
 *
 * A file is in exactly one place: not begun, among the `open` ones of this connection, postponed because the server
 * had no room for it, or settled. What the window bounds is the open ones, their number and their bytes; whatever is
 * not settled when a connection ends is offered again on the next, in the old order, with the same transfer id.
 */
import type { ErrorCode, FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import { Conversation } from "../../protocol/state-machine.ts";
import { UPLOAD_SENDER } from "../../protocol/upload.ts";
import type { About } from "../events.ts";
import type { OpenSource, ReadOnceSource } from "./source.ts";

/** One file on its way, on this connection or on the next. */
export interface Transfer extends About {
  readonly path: string;
  /** "tar" for a folder. */
  readonly kind: string | undefined;
  /** Its permission bits, and its time of change as decimal text; undefined for what has neither. */
  readonly mode: number | undefined;
  readonly mtime: string | undefined;
  /** What cannot be opened anew for the next connection. */
  readonly kept: ReadOnceSource | undefined;
  readonly conversation: Conversation<typeof UPLOAD_SENDER>;
  /** Where the server wants it from. */
  from: number;
  /** Of all of it, once it was read; "" before. */
  digest: string;
  /** Its finish was sent over an earlier connection of this run: if the server has it, it has it from us. */
  finished: boolean;
  /** How often the server found that what arrived does not have that digest. */
  mismatches: number;
  /** Another content may have had its id, so only the digest proves that the server has this one. */
  readonly isDoubtful: boolean;
  /** The server has another content under the id `before`; this one's is derived from its digest, the `salt`, as well. */
  readonly other: { readonly before: string; readonly salt: string } | null;
  /** The server says to have it from an earlier run; whether that is this content is to be found out. */
  readonly claim: MessageOf<"stored"> | null;
}

/** Whether what the server says to have stored before is this content, as far as is known without reading the file. */
export function isProven({ kept, digest, isDoubtful }: Transfer, stored: MessageOf<"stored">): boolean {
  // Nobody else knows the id of a stream. A small file was read before it was offered, so its digest is known.
  return !stored.repeated || kept !== undefined || (digest === "" ? !isDoubtful : digest === stored.digest);
}

/** Refusals that are about one file: a smaller one may still be taken. */
const NO_ROOM = new Set<ErrorCode>([
  ...(["queue-full", "queues-full", "spool-full", "index-full", "disk-full", "uploads-full"] as const),
]);
/** After so many of them it is no use to send still more content to a server that has no room. */
const POSTPONED_MAX = 16;

/** One that is larger than the window, or of unknown size, fills it. */
const weight = ({ size }: Transfer) => Math.min(size, LIMITS.windowBytes);

export const newConversation = () => new Conversation(UPLOAD_SENDER, "waiting");

/** A source that was opened for the first time in this run. */
export function newTransfer(source: OpenSource, queue: string): Transfer {
  const { path, name, size, transfer, kind, mode, mtime } = source;
  const kept = source.isReadOnce ? source : undefined;
  const isDoubtful = !source.isReadOnce && source.isDoubtful;
  const state = { conversation: newConversation(), from: 0, digest: "", finished: false, mismatches: 0 };
  return Object.assign(state, { path, name, size, transfer, queue, kept, kind, mode, mtime }, NOT_KNOWN, {
    isDoubtful,
  });
}

/** What nobody knows of a transfer before the server has answered. */
const NOT_KNOWN = { other: null, claim: null } as const;

/** The same file, to be offered from the start: `more` says what has become known of it. */
export const anew = (transfer: Transfer, more: Partial<Transfer>): Transfer => ({
  ...transfer,
  conversation: newConversation(),
  from: 0,
  ...more,
});

export class SendWindow {
  /** In the order of their offers. */
  readonly #open = new Map<string, Transfer>();
  /** Refused for want of room on this connection. */
  #postponed: Transfer[] = [];
  /** The weights of the open ones, together. */
  #bytes = 0;
  /** The last refusal for want of room, until the next connection. */
  noRoom: FilespoolError | null = null;

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  /** All that was offered has its answer, and none of it is to be offered again. */
  get isSettled(): boolean {
    return this.isIdle && this.noRoom === null;
  }

  /** The open transfer that an answer is about. */
  transferOf(answer: Message | { readonly type: "data" }): Transfer | undefined {
    const transfer = answer.type === "refuse" ? answer.about : "transfer" in answer ? answer.transfer : undefined;
    return transfer === undefined ? undefined : this.#open.get(transfer);
  }

  /** Whether this transfer may be opened beside the others. One alone always may; the same file twice may not. */
  hasRoom({ transfer, size }: Transfer, { windowFiles, windowBytes, pipelineBytesMax }: MessageOf<"welcome">): boolean {
    if (this.#open.has(transfer)) return false;
    const fits = size > pipelineBytesMax || this.#bytes + size <= windowBytes;
    return this.isIdle || (this.#open.size < windowFiles && fits);
  }

  /** It is about to be offered. */
  open(transfer: Transfer): void {
    this.#open.set(transfer.transfer, transfer);
    this.#bytes += weight(transfer);
  }

  /** It has its answer; what it took up is free again. Once is enough, and twice does no harm. */
  close(transfer: Transfer): void {
    if (this.#open.delete(transfer.transfer)) this.#bytes -= weight(transfer);
  }

  /** Puts a refused transfer aside until all others were tried; false when that is no use. */
  postpone(transfer: Transfer, refusal: FilespoolError): boolean {
    if (!NO_ROOM.has(refusal.code) || this.#postponed.length >= POSTPONED_MAX) return false;
    this.close(transfer);
    this.#postponed.push(anew(transfer, { from: transfer.from })); // that the server still has as much is no progress
    this.noRoom = refusal;
    return true;
  }

  /** The connection is gone: takes out everything without an answer, as the next one is to offer it. */
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

/** What a server allows, but never more than our own limits: no server makes us hold what it likes. */
export function withinLimits(server: MessageOf<"welcome">): MessageOf<"welcome"> {
  const ours = (bound: "pipelineBytesMax" | "windowFiles" | "windowBytes") => Math.min(server[bound], LIMITS[bound]);
  const window = { windowFiles: ours("windowFiles"), windowBytes: ours("windowBytes") };
  return { ...server, ...window, pipelineBytesMax: ours("pipelineBytesMax") };
}
