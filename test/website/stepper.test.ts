import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Transitions } from "../../src/protocol/state-machine.ts";
import { LABEL_LINE, layout } from "../../website/src/components/states/layout.ts";
import {
  decodeState,
  encodeState,
  eventsOf,
  MACHINES,
  type MachineName,
  startOf,
  walk,
} from "../../website/src/live/stepper/machines.ts";

const NAMES = Object.keys(MACHINES) as MachineName[];
const tableOf = (name: MachineName): Transitions => MACHINES[name].table;
const cellsOf = (name: MachineName) =>
  Object.entries(tableOf(name)).flatMap(([state, row]) =>
    Object.entries(row).map(([event, cell]) => ({ state, event, ...cell })),
  );

/** The shortest way to a state. */
function wayTo(table: Transitions, goal: string): string[] {
  const ways = new Map([[startOf(table), [] as string[]]]);
  for (const [state, way] of ways)
    for (const [event, { to }] of Object.entries(table[state] ?? {})) if (!ways.has(to)) ways.set(to, [...way, event]);
  return ways.get(goal) as string[];
}

test("no transition table of the protocol is left out", () => {
  const folder = new URL("../../src/protocol/", import.meta.url);
  const texts = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
  const tables = texts.flatMap((text) => [
    ...text.matchAll(/^export const ([A-Z_]+) = \{(?:(?!^\}).*\n)*^\} as const satisfies Transitions/gm),
  ]);
  expect(tables.map(([, name]) => name).sort()).toEqual([...NAMES].sort());
});

describe.each(NAMES)("%s", (name) => {
  const table = tableOf(name);
  const picture = layout(table);

  test("every state is reached, and every cell does what the table says", () => {
    for (const { state, event, to, do: effects } of cellsOf(name)) {
      const { steps, refused } = walk(table, [...wayTo(table, state), event]);
      expect([refused, steps.at(-1)]).toEqual([null, { event, from: state, to, effects }]);
    }
  });

  test("an absent cell ends the conversation with frame-unexpected, and says where", () => {
    for (const state of Object.keys(table)) {
      const row = table[state] as object;
      for (const event of eventsOf(table).filter((one) => !Object.hasOwn(row, one))) {
        const { refused, state: stays } = walk(table, [...wayTo(table, state), event, "hello"]);
        expect([stays, refused?.event, refused?.error.code]).toEqual([state, event, "frame-unexpected"]);
        expect(refused?.error.message).toContain(`"${state}"`);
      }
    }
  });

  test("the picture has each cell exactly once", () => {
    const drawn = [
      ...picture.edges.flatMap(({ from, to, events }) => events.map((event) => `${from} ${event} ${to}`)),
      ...picture.boxes.flatMap(({ state, stays }) =>
        stays.flatMap((line) => line.split(/,? |,$/).filter(Boolean)).map((event) => `${state} ${event} ${state}`),
      ),
    ];
    expect(drawn.sort()).toEqual(
      cellsOf(name)
        .map(({ state, event, to }) => `${state} ${event} ${to}`)
        .sort(),
    );
  });

  test("nothing in the picture covers anything else, and it fits a phone", () => {
    const labels = picture.edges.map(({ label: { x, y, anchor, lines } }) => {
      const width = Math.max(...lines.map(({ length }) => length)) * 6.7;
      const height = 12 + (lines.length - 1) * LABEL_LINE;
      return { x: anchor === "end" ? x - width : x, y: y + 2 - height, width, height };
    });
    const all = [...picture.boxes, ...labels];
    for (const [at, one] of all.entries()) {
      expect([
        one.x >= 0,
        one.y >= 0,
        one.x + one.width <= picture.width,
        one.y + one.height <= picture.height,
      ]).toEqual(Array(4).fill(true));
      for (const other of all.slice(at + 1)) {
        const isApart =
          one.x + one.width <= other.x ||
          other.x + other.width <= one.x ||
          one.y + one.height <= other.y ||
          other.y + other.height <= one.y;
        expect(isApart, JSON.stringify([one, other])).toBe(true);
      }
    }
    expect(picture.width).toBeLessThan(400);
  });

  test("every line begins at its state and ends at its target", () => {
    const box = (state: string) => picture.boxes.find((one) => one.state === state) as (typeof picture.boxes)[number];
    const touches = ({ x, y, width, height }: ReturnType<typeof box>, px: number, py: number) =>
      px >= x && px <= x + width && py >= y && py <= y + height;
    for (const { from, to, path } of picture.edges) {
      const [, x = 0, y = 0] = (/^M([\d.]+) ([\d.]+)/.exec(path) ?? []).map(Number);
      const [, down] = /^M[\d.]+ [\d.]+V([\d.]+)$/.exec(path) ?? [];
      const [, endY, endX] = /Q[\d.]+ [\d.]+ [\d.-]+ ([\d.]+)H([\d.]+)$/.exec(path) ?? [];
      expect(touches(box(from), x, y), `${from} -> ${to} begins`).toBe(true);
      expect(touches(box(to), Number(endX ?? x), Number(down ?? endY)), `${from} -> ${to} ends`).toBe(true);
    }
  });
});

describe("a walk as a link", () => {
  test("means the same walk again", () => {
    const anyWalk = fc.constantFrom(...NAMES).chain((machine) =>
      fc.record({
        machine: fc.constant(machine),
        events: fc.array(fc.constantFrom(...eventsOf(tableOf(machine))), { maxLength: 30 }),
      }),
    );
    fc.assert(
      fc.property(anyWalk, (state) => {
        const { steps, refused } = walk(tableOf(state.machine), state.events);
        const events = state.events.slice(0, steps.length + (refused ? 1 : 0));
        expect(decodeState(encodeState(state))).toEqual({ ...state, events });
      }),
    );
  });

  test("from a stranger reaches no state that a conversation does not", () => {
    expect(decodeState("constructor.hello")).toBeNull();
    expect(decodeState("UPLOAD_SERVER.hello.constructor.offer")).toEqual({
      machine: "UPLOAD_SERVER",
      events: ["hello"],
    });
    expect(decodeState("UPLOAD_SERVER.offer.hello")).toEqual({ machine: "UPLOAD_SERVER", events: ["offer"] });
    expect(decodeState(`UPLOAD_SENDER${".lost".repeat(9999)}`)?.events.length).toBe(200);
  });
});
