/**
 * Suspects: files whose receivers vanish while they have them.
 *
 * Some files kill every receiver that takes them: an archive fills its memory, a hook chokes on a
 * name. Such a file gets no verdict, because its receiver is gone. It goes back to the head of its
 * queue, and the next receiver dies of it. No receiver ever gets to the files behind it.
 *
 * So a receiver that vanishes leaves a mark on the file that it was working on. From the third mark
 * on, each mark counts as a failed attempt, and the file ends as a dead letter.
 *
 *   vanished    the connection ended without a verdict, without a goodbye, and not by us, after all of it was sent
 *   came back   the same run of the receiver connects again: only the link was cut, and the mark goes
 *
 * The server suspects only the oldest delivery of a connection, since receivers work in order.
 * Otherwise one bad file would take along all files that happened to be on the way. The first two
 * marks cost nothing, because receivers stop for many reasons: a laptop is closed, a machine is
 * switched off.
 *
 * Marks are in memory, on purpose: a restart of the server forgives. They are bounded. A file that
 * gets a verdict or leaves its queue is forgotten, and beyond LIMITS.suspectFilesMax the one that
 * was marked longest ago. Queueing systems know the problem as the poison message. Why: adr/0078.
 */
import { LIMITS } from "../../protocol/limits.ts";

/** One file that receivers have vanished with. */
interface Suspect {
  /** Those receivers, at most the last LIMITS.vanishedReceiversMax of them. */
  readonly receivers: string[];
  /** Ends the watch on its leaving the queue. */
  readonly stopWatching: () => void;
}

/**
 * Tells when a transfer leaves its queue, for ever or as a dead letter; returns the way to stop
 * that.
 */
export type WatchEnd = (transfer: string, listener: () => void) => () => void;

export class Suspects {
  readonly #watchEnd: WatchEnd;
  /** By transfer. The order is that of the last mark, so that the oldest can be forgotten first. */
  readonly #suspects = new Map<string, Suspect>();
  /**
   * By receiver: the transfer that it was working on when it vanished. Each is in `#suspects`, too.
   */
  readonly #lastOf = new Map<string, string>();

  constructor(watchEnd: WatchEnd) {
    this.#watchEnd = watchEnd;
  }

  /** Files that are suspected, and receivers that may come back. */
  get size(): number {
    return this.#suspects.size + this.#lastOf.size;
  }

  /**
   * Marks a file whose receiver has vanished.
   * @returns true when that is once too often, and counts as a failed attempt
   */
  vanished(transfer: string, receiver: string): boolean {
    const { receivers = [], stopWatching } = this.#suspects.get(transfer) ?? {};
    this.#suspects.delete(transfer); // and put back below, as the newest
    const stop = stopWatching ?? this.#watchEnd(transfer, () => this.forget(transfer));
    this.#suspects.set(transfer, { receivers, stopWatching: stop });
    receivers.push(receiver);
    if (receivers.length > LIMITS.vanishedReceiversMax) this.#lastOf.delete(receivers.shift() as string);
    this.#lastOf.set(receiver, transfer);
    const [oldest] = this.#suspects.keys();
    if (oldest !== undefined && this.#suspects.size > LIMITS.suspectFilesMax) this.forget(oldest);
    return receivers.length >= LIMITS.vanishedReceiversMax;
  }

  /** Takes a mark away: its receiver is back, so the link was to blame and not the file. */
  back(receiver: string): void {
    const transfer = this.#lastOf.get(receiver);
    const suspect = transfer === undefined ? undefined : this.#suspects.get(transfer);
    this.#lastOf.delete(receiver);
    if (!suspect || transfer === undefined) return;
    suspect.receivers.splice(suspect.receivers.indexOf(receiver), 1);
    if (suspect.receivers.length === 0) this.forget(transfer);
  }

  /** Forgets a file: it got a verdict, or has left its queue. */
  forget(transfer: string): void {
    const suspect = this.#suspects.get(transfer);
    if (!suspect) return;
    this.#suspects.delete(transfer);
    suspect.stopWatching();
    for (const receiver of suspect.receivers) this.#lastOf.delete(receiver);
  }
}
