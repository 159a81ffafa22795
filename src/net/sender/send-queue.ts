/**
 * What a sender sends next: first the files that an earlier connection left, then the list that it
 * was given.
 *
 * The list may be endless, and may have nothing to give for a while (a watched folder). So the
 * queue tells three cases apart: there is a next one, there is none yet, there will be none. An
 * asynchronous list may answer when the connection that asked is gone. Its answer is then kept for
 * the next connection, behind the files that were put back.
 *
 * Invariant: the list is asked for one file at a time, and not again before that one was taken.
 * Never here: what is open on a connection (send-window.ts).
 */
import { known } from "../../protocol/errors.ts";
import type { SendOptions, Source } from "../options.ts";
import type { Transfer } from "./send-window.ts";

/** A source that was not offered yet in this run, or a transfer that was. */
export type Next = Source | Transfer;

/** Whether it was offered before, on an earlier connection of this run. */
export const isTransfer = (next: Next): next is Transfer => typeof next === "object" && "conversation" in next;

type Item = IteratorResult<Source, unknown>;

export class SendQueue {
  readonly #source: Iterator<Source> | AsyncIterator<Source>;
  readonly #isAsync: boolean;
  readonly #onChange: () => void;
  /** Offered before, to be offered again; these go first. */
  #again: Transfer[] = [];
  /**
   * What the list has given and `take` has not taken. At the end of the list it stays, so that the
   * list is not asked again.
   */
  #item: Item | null = null;
  /** An asynchronous list was asked, and has not answered. Cleared by its answer. */
  #isAsking = false;
  /** What the list has thrown. Every later `take` throws it. */
  #failure: Error | null = null;

  /** @param onChange called when an asynchronous list has something, or has come to its end */
  constructor(files: SendOptions["files"], onChange: () => void) {
    this.#isAsync = Symbol.asyncIterator in files;
    this.#source = Symbol.asyncIterator in files ? files[Symbol.asyncIterator]() : files[Symbol.iterator]();
    this.#onChange = onChange;
  }

  /**
   * Takes the next file. Null if there is none, now or ever: see `isOver`.
   * @throws FilespoolError what the list failed with
   */
  take(): Next | null {
    const transfer = this.#again.shift();
    if (transfer) return transfer;
    if (this.#failure) throw this.#failure;
    const item = this.#look();
    if (!item || item.done) return null;
    this.#item = null;
    return item.value;
  }

  /** Whether `take` would return a file, or throw the failure of the list. */
  get hasNext(): boolean {
    return this.#again.length > 0 || this.#failure !== null || this.#look()?.done === false;
  }

  /** Everything was taken, and the list has ended. Only `putBack` can add files now. */
  get isOver(): boolean {
    return this.#again.length === 0 && this.#look()?.done === true;
  }

  /** Puts files back in front of all others, in this order. */
  putBack(...transfers: readonly Transfer[]): void {
    this.#again = [...transfers, ...this.#again];
  }

  /** The run is over: ends the list. @returns the transfers that were put back and never taken */
  end(): readonly Transfer[] {
    // A list that is waiting for its next file may answer late or never, so its end is not awaited.
    if (this.#isAsync) void (this.#source as AsyncIterator<unknown>).return?.()?.catch(() => {});
    return this.#again;
  }

  /** What the list gives next, without taking it. Asks the list if that was not done yet. */
  #look(): Item | null {
    if (this.#item || this.#isAsking || this.#failure) return this.#item;
    const item = this.#source.next();
    if (this.#isAsync) {
      this.#isAsking = true;
      Promise.resolve(item).then(
        (given) => this.#given(given, null),
        (error: unknown) => this.#given(null, known(error)),
      );
    } else this.#item = item as Item;
    return this.#item;
  }

  /** The list has answered, maybe after the connection that asked is gone. */
  #given(item: Item | null, failure: Error | null): void {
    this.#isAsking = false;
    this.#item = item;
    this.#failure = failure;
    this.#onChange();
  }
}
