/**
 * Lays out a transition table as a picture that fits a phone: the states in one column, in the order of the table.
 *
 * An event that leads to the next state goes straight down. One that leads further down runs along the right side, one
 * that leads back up along the left; all that have the same target share a lane. Events that stay where they are stand
 * inside the state. Refuses to know colours and fonts. Invariants, tested: boxes and labels do not overlap, every cell
 * of the table is drawn exactly once, and every line ends at its target.
 */
import type { Transitions } from "../../../../src/protocol/state-machine.ts";

export interface Box {
  readonly state: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Lines of text: events that lead back into the same state. */
  readonly stays: readonly string[];
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly events: readonly string[];
  readonly path: string;
  /** One above the other; `y` is the base line of the last. */
  readonly label: {
    readonly x: number;
    readonly y: number;
    readonly anchor: "start" | "end";
    readonly lines: readonly string[];
  };
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
}

const CHAR = 6.7;
export const LINE = 15;
/** Between the lines of a label that has several. */
export const LABEL_LINE = 13;
const SLOT = 9;
const LANE = 15;
const GAP = 36;
const BOX_WIDTH = 126;
const MARGIN = 8;
/** Room between a box and its first lane beyond the longest label. */
const AIR = 16;

interface Exit {
  readonly from: number;
  readonly to: number;
  readonly events: string[];
}

/** The cells of a table as one exit for each pair of states. */
function exitsOf(table: Transitions): Exit[] {
  const states = Object.keys(table);
  const exits: Exit[] = [];
  for (const [from, state] of states.entries()) {
    for (const [event, cell] of Object.entries(table[state] ?? {})) {
      const to = states.indexOf(cell.to);
      const known = exits.find((exit) => exit.from === from && exit.to === to);
      if (known) known.events.push(event);
      else exits.push({ from, to, events: [event] });
    }
  }
  return exits;
}

/** Breaks names into lines that fit a box. */
export function lines(names: readonly string[], chars: number): string[] {
  const broken: string[] = [];
  for (const [at, name] of names.entries()) {
    const word = at < names.length - 1 ? `${name},` : name;
    const last = broken.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= chars) broken[broken.length - 1] = `${last} ${word}`;
    else broken.push(word);
  }
  return broken;
}

/** An exit at the side of a box has a line for each event: beside each other they would not fit a phone. */
const slotHeight = (what: number | Exit): number =>
  SLOT + LABEL_LINE * (typeof what === "number" ? 1 : what.events.length);

export function layout(table: Transitions): Picture {
  const states = Object.keys(table);
  const exits = exitsOf(table);
  const right = exits.filter(({ from, to }) => to > from + 1);
  const left = exits.filter(({ from, to }) => to < from);
  const lanesOf = (side: Exit[]): number[] => {
    const span = (target: number) =>
      Math.max(...side.filter(({ to }) => to === target).map(({ from, to }) => Math.abs(to - from)));
    return [...new Set(side.map(({ to }) => to))].sort((a, b) => span(a) - span(b));
  };
  const lanes = { right: lanesOf(right), left: lanesOf(left) };
  const labelWidth = (side: Exit[]) =>
    side.length === 0 ? 0 : Math.max(...side.flatMap(({ events }) => events.map(({ length }) => length))) * CHAR + AIR;
  const leftEdge = MARGIN + lanes.left.length * LANE + labelWidth(left);
  const rightEdge = leftEdge + BOX_WIDTH;
  const beside = rightEdge + labelWidth(right) + lanes.right.length * LANE;

  // What touches one side of a box, from above: lines that come in, then lines that go out.
  const touching = (state: number, side: Exit[]): (number | Exit)[] => [
    ...(side.some(({ to }) => to === state) ? [state] : []),
    ...side.filter(({ from }) => from === state),
  ];
  // What leads straight down is told beside its arrow, in as many lines as it needs; the gap grows with them.
  const down = (from: number) => exits.find((exit) => exit.from === from && exit.to === from + 1);
  const downLines = (from: number) => lines(down(from)?.events ?? [], Math.floor((BOX_WIDTH / 2 - 7) / CHAR) + 12);
  const gapBelow = (from: number) => GAP + Math.max(0, downLines(from).length - 1) * LABEL_LINE;
  const boxes: Box[] = [];
  let y = MARGIN;
  for (const [at, state] of states.entries()) {
    const own = exits.find(({ from, to }) => from === at && to === at);
    const stays = own ? lines(own.events, Math.floor((BOX_WIDTH - 16) / (CHAR * 0.95))) : [];
    const used = (side: Exit[]) => touching(at, side).reduce<number>((sum, what) => sum + slotHeight(what), 0);
    const height = Math.max(30 + stays.length * LINE + (stays.length > 0 ? 4 : 0), used(right) + 8, used(left) + 8);
    boxes.push({ state, x: leftEdge, y, width: BOX_WIDTH, height, stays });
    y += height + gapBelow(at);
  }

  const longest = Math.max(0, ...states.flatMap((_, at) => downLines(at).map(({ length }) => length)));
  const width = Math.max(beside, leftEdge + BOX_WIDTH / 2 + 7 + longest * CHAR) + MARGIN;

  /** Where a line touches its box: at the foot of its slot. */
  const slotY = (state: number, side: Exit[], what: number | Exit): number => {
    const all = touching(state, side);
    const above = all.slice(0, all.indexOf(what) + 1).reduce<number>((sum, one) => sum + slotHeight(one), 0);
    return (boxes[state] as Box).y + above - 2;
  };
  const edges = exits
    .filter(({ from, to }) => from !== to)
    .map((exit): Edge => {
      const { from, to, events } = exit;
      const names = { from: states[from] as string, to: states[to] as string, events };
      if (to === from + 1) {
        const x = leftEdge + BOX_WIDTH / 2;
        const top = (boxes[from] as Box).y + (boxes[from] as Box).height;
        const path = `M${x} ${top}V${(boxes[to] as Box).y}`;
        return {
          ...names,
          path,
          label: { x: x + 7, y: top + gapBelow(from) - GAP / 2 + 3, anchor: "start", lines: downLines(from) },
        };
      }
      const isRight = to > from;
      const side = isRight ? right : left;
      const lane = (isRight ? lanes.right : lanes.left).indexOf(to);
      const edge = isRight ? rightEdge : leftEdge;
      const sign = isRight ? 1 : -1;
      const x = edge + sign * (labelWidth(side) + (lane + 0.5) * LANE);
      const start = slotY(from, side, exit);
      const end = slotY(to, side, to);
      const bend = 6;
      const turn = end > start ? bend : -bend;
      const path = `M${edge} ${start}H${x - sign * bend}Q${x} ${start} ${x} ${start + turn}V${end - turn}Q${x} ${end} ${x - sign * bend} ${end}H${edge}`;
      const label = { x: edge + sign * 7, y: start - 5, anchor: isRight ? "start" : "end", lines: events } as const;
      return { ...names, path, label };
    });
  return { width, height: y - gapBelow(states.length - 1) + MARGIN, boxes, edges };
}
