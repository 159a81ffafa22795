/**
 * Suspects: files whose receivers vanish while they have them.
 *
 * A file that kills whoever takes it (an archive that fills memory, a name that a hook chokes on) gets no verdict: its
 * receiver is gone, the file goes back to the head of its queue, and the next receiver dies of it. Nothing behind it is
 * ever collected. So a receiver that vanished leaves a mark on the file that it was working on; from the third mark on,
 * each counts as a failed attempt, and the file ends as a dead letter like any other that nobody can land.
 *
 *   vanished    the connection ended without a verdict, without a goodbye, and not by us, after all of it was sent
 *   not         a link that was cut, if the same run of the receiver comes back over another: the mark is taken back
 *
 * Only the oldest delivery of a connection is suspected, since receivers work in order: else one bad file would take
 * along all that happened to be on the way. The first two marks cost nothing, because receivers are stopped for many
 * reasons: a laptop is closed, a machine is switched off.
 *
 * In memory, on purpose: a restart of the server forgives. Bounded: a file is forgotten when it gets a verdict or leaves
 * its queue, and beyond LIMITS.suspectFilesMax the one that was marked longest ago. The idea is the poison message of queueing
 * systems. Why: adr/0078.
 */
import { LIMITS } from "../../protocol/limits.ts";

interface Suspect {
  /** Receivers that vanished with it, the last LIMITS.vanishedReceiversMax of them. */
  readonly receivers: string[];
  /** Ends the watch on its leaving the queue. */
  readonly stopWatching: () => void;
}

/** Tells when a transfer leaves its queue, for ever or as a dead letter; returns the way to stop that. */
export type WatchEnd = (transfer: string, listener: () => void) => () => void;

export class Suspects {
  readonly #watchEnd: WatchEnd;
  readonly #suspects = new Map<string, Suspect>();
  /** What each receiver was working on when it vanished. */
  readonly #lastOf = new Map<string, string>();

  constructor(watchEnd: WatchEnd) {
    this.#watchEnd = watchEnd;
  }

  /** Files that are suspected, and receivers that may come back. */
  get size(): number {
    return this.#suspects.size + this.#lastOf.size;
  }

  /** A receiver vanished with a file. True: once too often, and that counts as a failed attempt. */
  vanished(transfer: string, receiver: string): boolean {
    const { receivers = [], stopWatching } = this.#suspects.get(transfer) ?? {};
    this.#suspects.delete(transfer); // so that it is the newest
    const stop = stopWatching ?? this.#watchEnd(transfer, () => this.forget(transfer));
    this.#suspects.set(transfer, { receivers, stopWatching: stop });
    receivers.push(receiver);
    if (receivers.length > LIMITS.vanishedReceiversMax) this.#lastOf.delete(receivers.shift() as string);
    this.#lastOf.set(receiver, transfer);
    const [oldest] = this.#suspects.keys();
    if (oldest !== undefined && this.#suspects.size > LIMITS.suspectFilesMax) this.forget(oldest);
    return receivers.length >= LIMITS.vanishedReceiversMax;
  }

  /** A receiver is back: it was the link, and not the file. */
  back(receiver: string): void {
    const transfer = this.#lastOf.get(receiver);
    const suspect = transfer === undefined ? undefined : this.#suspects.get(transfer);
    this.#lastOf.delete(receiver);
    if (!suspect || transfer === undefined) return;
    suspect.receivers.splice(suspect.receivers.indexOf(receiver), 1);
    if (suspect.receivers.length === 0) this.forget(transfer);
  }

  /** It got a verdict, or left its queue. */
  forget(transfer: string): void {
    const suspect = this.#suspects.get(transfer);
    if (!suspect) return;
    this.#suspects.delete(transfer);
    suspect.stopWatching();
    for (const receiver of suspect.receivers) this.#lastOf.delete(receiver);
  }
}
