/**
 * What a sender sends next: files of an earlier connection first, then the next of those it was given.
 *
 * The list may be endless, and may have nothing to give for a while (a watched folder). So the queue tells three cases
 * apart: there is a next one, there is none yet, there will be none. An answer of an asynchronous list that arrives after
 * the connection that asked for it is gone is kept for the next connection; what was put back comes before it.
 *
 * Invariant: the list is asked for one file at a time, and never again before that one was taken.
 */
import { known } from "../../protocol/errors.ts";
import type { SendOptions, Source } from "../options.ts";
import type { Transfer } from "./send-window.ts";

/** Something that has not been offered so far, or a file that was. */
export type Next = Source | Transfer;

/** Whether it was offered before, on an earlier connection of this run. */
export const isTransfer = (next: Next): next is Transfer => typeof next === "object" && "conversation" in next;

type Item = IteratorResult<Source, unknown>;

export class SendQueue {
  readonly #source: Iterator<Source> | AsyncIterator<Source>;
  readonly #isAsync: boolean;
  readonly #onChange: () => void;
  /** Offered before, and to be offered again. */
  #again: Transfer[] = [];
  /** What the list has given and nobody has taken. */
  #item: Item | null = null;
  /** An asynchronous list was asked, and has not answered. */
  #isAsking = false;
  /** What the list has thrown; told to whoever takes next. */
  #failure: Error | null = null;

  /** @param onChange called when an asynchronous list has something, or has come to its end */
  constructor(files: SendOptions["files"], onChange: () => void) {
    this.#isAsync = Symbol.asyncIterator in files;
    this.#source = Symbol.asyncIterator in files ? files[Symbol.asyncIterator]() : files[Symbol.iterator]();
    this.#onChange = onChange;
  }

  /** The next one, or null: see `isOver`. @throws FilespoolError what the list failed with */
  take(): Next | null {
    const transfer = this.#again.shift();
    if (transfer) return transfer;
    if (this.#failure) throw this.#failure;
    const item = this.#look();
    if (!item || item.done) return null;
    this.#item = null;
    return item.value;
  }

  /** Whether `take` would give something, or the failure of the list. */
  get hasNext(): boolean {
    return this.#again.length > 0 || this.#failure !== null || this.#look()?.done === false;
  }

  /** Everything was taken, and nothing more will come by itself. */
  get isOver(): boolean {
    return this.#again.length === 0 && this.#look()?.done === true;
  }

  /** Puts files back in front of all others, in this order. */
  putBack(...transfers: readonly Transfer[]): void {
    this.#again = [...transfers, ...this.#again];
  }

  /** Nothing more is wanted. @returns what was put back and never taken */
  end(): readonly Transfer[] {
    // A list that is waiting for its next file may answer late or never, so nobody waits for it.
    if (this.#isAsync) void (this.#source as AsyncIterator<unknown>).return?.()?.catch(() => {});
    return this.#again;
  }

  /** What the list gives next, without taking it. Asks the list if nobody has. */
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

  /** The list has answered, maybe long after the connection that wanted it is gone. */
  #given(item: Item | null, failure: Error | null): void {
    this.#isAsking = false;
    this.#item = item;
    this.#failure = failure;
    this.#onChange();
  }
}
