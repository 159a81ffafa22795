/** Random walks through a model: what may happen next is a list of named moves, and numbers choose among them. */
import fc from "fast-check";

export interface Move {
  readonly name: string;
  /** Bad luck (a fault, a refusal): may happen while walking, never while coming to rest. */
  readonly bad?: boolean;
  readonly run: () => void;
}

export interface Model {
  moves(): readonly Move[];
}

export const anyWalk = fc.oneof(
  fc.array(fc.nat(), { maxLength: 20 }),
  fc.array(fc.nat(), { minLength: 50, maxLength: 200, size: "max" }),
);

/** Makes as many moves as there are choices, one in four of them perhaps bad, then only good ones to the end. */
export function walk(model: Model, choices: readonly number[]): void {
  for (const choice of choices) {
    const moves = model.moves().filter(({ bad }) => !bad || choice % 4 === 0);
    moves[(choice >> 2) % moves.length]?.run();
  }
  for (let step = 0; step < 10_000; step++) {
    const move = model.moves().find(({ bad }) => !bad);
    if (!move) return;
    move.run();
  }
  throw new Error("the walk never comes to rest");
}

/** The cells of a table that were used, as "state event"; wrap a table to fill it. */
export function watchCells<T extends Record<string, object>>(table: T, used: Set<string>): T {
  const watched = Object.entries(table).map(([state, row]) => {
    const get = (cells: object, event: string | symbol) => {
      used.add(`${state} ${String(event)}`);
      return Reflect.get(cells, event);
    };
    return [state, new Proxy(row, { get })];
  });
  return Object.fromEntries(watched) as T;
}

export const cellsOf = (table: Record<string, object>): string[] =>
  Object.entries(table).flatMap(([state, row]) => Object.keys(row).map((event) => `${state} ${event}`));
