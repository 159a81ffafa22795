/**
 * State machines as data: a table of states and events, and the one function that walks it.
 *
 * A conversation written as nested callbacks answers "what may arrive now?" nowhere. Written as a table it
 * answers it on one screen, a test can walk every cell, and the site draws its diagrams from the same
 * constant. A cell that is absent is a broken rule of the *peer* (for a frame) and ends the connection.
 * The machine does nothing itself: it returns the names of the effects, in the order in which the shell
 * must carry them out. The idea is h11's and etcd-io/raft's. Why no I/O in here: adr/0003.
 */
import { FilespoolError } from "./errors.ts";

/** One cell: the state that follows, and what to do, in order. */
export interface Cell<S extends string, F extends string> {
  readonly to: S;
  readonly do: readonly F[];
}

export type Transitions = { readonly [state: string]: { readonly [event: string]: Cell<string, string> } };

/** The names that occur in a table: its states, the events in its rows, the effects in its cells. */
export type StateOf<T extends Transitions> = keyof T & string;
export type EventOf<T extends Transitions> = { [S in keyof T]: keyof T[S] }[keyof T] & string;
export type EffectOf<T extends Transitions> = { [S in keyof T]: T[S][keyof T[S]]["do"][number] }[keyof T];

/**
 * What a shell does for each effect of a table. Each function names the type of what it needs of the event
 * (the frame, the spool's answer, the error); "never" lets them differ.
 */
export type Effects<T extends Transitions> = { readonly [F in EffectOf<T>]: (cause: never) => Promise<void> | void };

/** A table with the state it is in. `on` is the only way to change it. */
export class Conversation<T extends Transitions> {
  readonly #table: T;
  state: StateOf<T>;

  constructor(table: T, start: StateOf<T>) {
    this.#table = table;
    this.state = start;
  }

  /** Whether the event is allowed now. */
  allows(event: EventOf<T>): boolean {
    return this.#cell(event) !== null;
  }

  /**
   * Takes an event and returns the effects to carry out.
   * @throws FilespoolError frame-unexpected: the table has no such cell; the state is unchanged
   */
  on(event: EventOf<T>): readonly EffectOf<T>[] {
    const cell = this.#cell(event);
    if (!cell) throw new FilespoolError("frame-unexpected", `"${event}" is not allowed in the state "${this.state}"`);
    this.state = cell.to;
    return cell.do as readonly EffectOf<T>[];
  }

  /** Own cells only: every object has a "constructor", and no event may find that one. */
  #cell(event: string): Cell<string, string> | null {
    const row = this.#table[this.state];
    return (row && Object.hasOwn(row, event) && row[event]) || null;
  }

  // region: carry-out
  /** Takes an event and carries out its effects, one after the other. `cause` is handed to each. A promise: wait for it. */
  carryOut(event: EventOf<T>, effects: Effects<T>, cause?: unknown): Promise<void> | undefined {
    const names = this.on(event);
    // Waiting costs a turn even for nothing, and most effects of a small file are synchronous.
    for (let at = 0; at < names.length; at++) {
      const pending = effects[names[at] as EffectOf<T>](cause as never);
      if (pending)
        return at + 1 === names.length ? pending : shouldContinue(pending, names.slice(at + 1), effects, cause);
    }
    return undefined;
  }
  // endregion: carry-out
}

async function shouldContinue<T extends Transitions>(
  pending: Promise<void>,
  names: readonly EffectOf<T>[],
  effects: Effects<T>,
  cause: unknown,
): Promise<void> {
  await pending;
  for (const name of names) await effects[name](cause as never);
}
