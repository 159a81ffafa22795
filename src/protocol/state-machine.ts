/**
 * State machines as data: a table of states and events, and the one function that walks it.
 *
 * A conversation written as nested callbacks answers the question "what may arrive now?" nowhere.
 * Written as a table, it answers on one screen. A test can walk every cell, and the site draws its
 * diagrams from the same constant. A frame for which the state has no cell breaks the rules: the
 * peer made a mistake, and the connection ends.
 *
 * The machine does nothing itself. It returns the names of the effects, in the order in which the
 * caller must carry them out. The idea is from h11 and etcd-io/raft. Why no I/O in here: adr/0003.
 */
import { FilespoolError } from "./errors.ts";

/** One cell: what one event means in one state. */
export interface Cell<S extends string, F extends string> {
  /** The state that follows; it may be the same one. */
  readonly to: S;
  /** The effects to carry out, in this order. The next one begins when the one before is done. */
  readonly do: readonly F[];
}

/** A whole table: for each state, the events that are allowed in it. */
export type Transitions = { readonly [state: string]: { readonly [event: string]: Cell<string, string> } };

/**
 * The names that occur in a table: its states, the events of its rows, the effects of its cells.
 */
export type StateOf<T extends Transitions> = keyof T & string;
export type EventOf<T extends Transitions> = { [S in keyof T]: keyof T[S] }[keyof T] & string;
export type EffectOf<T extends Transitions> = { [S in keyof T]: T[S][keyof T[S]]["do"][number] }[keyof T];

/**
 * What the caller does for each effect of a table.
 *
 * Each function gets what came with the event: the frame, the answer of the spool, the error. It
 * names the type that it needs. The type here is "never", because only then may those types differ.
 */
export type Effects<T extends Transitions> = { readonly [F in EffectOf<T>]: (cause: never) => Promise<void> | void };

/** A table, and the state that one conversation is in. `on` is the only way to change the state. */
export class Conversation<T extends Transitions> {
  readonly #table: T;
  state: StateOf<T>;

  constructor(table: T, start: StateOf<T>) {
    this.#table = table;
    this.state = start;
  }

  /** Whether the state has a cell for the event. Asking changes nothing. */
  allows(event: EventOf<T>): boolean {
    return this.#cell(event) !== null;
  }

  /**
   * Takes an event: changes the state, and returns the effects for the caller to carry out.
   * @throws FilespoolError frame-unexpected: the table has no such cell; the state is unchanged
   */
  on(event: EventOf<T>): readonly EffectOf<T>[] {
    const cell = this.#cell(event);
    if (!cell) throw new FilespoolError("frame-unexpected", `"${event}" is not allowed in the state "${this.state}"`);
    this.state = cell.to;
    return cell.do as readonly EffectOf<T>[];
  }

  /**
   * Own cells only. Every object inherits a "constructor", and an event of that name must not find
   * it.
   */
  #cell(event: string): Cell<string, string> | null {
    const row = this.#table[this.state];
    return (row && Object.hasOwn(row, event) && row[event]) || null;
  }

  // region: carry-out
  /**
   * Takes an event and carries out its effects, one after the other.
   * @param cause what came with the event; each effect gets it
   * @returns undefined when all is done; otherwise a promise, and no further event may come before
   * it is settled
   * @throws FilespoolError frame-unexpected, before any effect; and what an effect throws
   */
  carryOut(event: EventOf<T>, effects: Effects<T>, cause?: unknown): Promise<void> | undefined {
    const names = this.on(event);
    // "await" costs a turn of the event loop even where there is nothing to wait for. For a small
    // file most effects are synchronous, so this waits only where an effect returned a promise.
    for (let at = 0; at < names.length; at++) {
      const pending = effects[names[at] as EffectOf<T>](cause as never);
      if (pending)
        return at + 1 === names.length ? pending : carryOutRest(pending, names.slice(at + 1), effects, cause);
    }
    return undefined;
  }
  // endregion: carry-out
}

/** Waits for the effect in progress, then carries out the rest. */
async function carryOutRest<T extends Transitions>(
  pending: Promise<void>,
  names: readonly EffectOf<T>[],
  effects: Effects<T>,
  cause: unknown,
): Promise<void> {
  await pending;
  for (const name of names) await effects[name](cause as never);
}
