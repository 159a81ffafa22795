import { describe, expect, test } from "vitest";
import { DELIVERY_RECEIVER, DELIVERY_SERVER } from "../../src/protocol/delivery.ts";
import { OPERATE_CLIENT, OPERATE_SERVER } from "../../src/protocol/operate.ts";
import { Conversation, type Transitions } from "../../src/protocol/state-machine.ts";
import { UPLOAD_SENDER, UPLOAD_SERVER } from "../../src/protocol/upload.ts";
import { codeOf } from "./wire.ts";

interface Subject {
  table: Transitions;
  start: string;
  terminal: readonly string[];
}

const machines: Record<string, Subject> = {
  "upload, server": { table: UPLOAD_SERVER, start: "greeting", terminal: ["closed"] },
  "upload, sender": { table: UPLOAD_SENDER, start: "waiting", terminal: ["stored", "failed"] },
  "delivery, server": { table: DELIVERY_SERVER, start: "greeting", terminal: ["closed"] },
  "delivery, receiver": { table: DELIVERY_RECEIVER, start: "greeting", terminal: ["closed"] },
  "operating, server": { table: OPERATE_SERVER, start: "greeting", terminal: ["closed"] },
  "operating, operator": { table: OPERATE_CLIENT, start: "greeting", terminal: ["closed"] },
};

describe.each(Object.entries(machines))("%s:", (_, { table, start, terminal }) => {
  const states = Object.keys(table);
  const events = [...new Set(states.flatMap((state) => Object.keys(table[state] ?? {})))];

  describe.each(states)("in the state %s", (state) => {
    test.each(events)("the event %s does what its cell says, or is refused", (event) => {
      const cell = table[state]?.[event];
      const conversation = new Conversation(table, state);
      expect(conversation.allows(event)).toBe(cell !== undefined);
      if (cell) {
        expect(conversation.on(event)).toEqual(cell.do);
        expect(conversation.state).toBe(cell.to);
      } else {
        expect(codeOf(() => conversation.on(event))).toBe("frame-unexpected");
        expect(conversation.state).toBe(state);
      }
    });
  });

  test("every cell leads to a state of the table", () => {
    for (const state of states) {
      for (const cell of Object.values(table[state] ?? {})) expect(states).toContain(cell.to);
    }
  });

  test("every state can be reached from the start", () => {
    expect([...reachable(table, start)].sort()).toEqual([...states].sort());
  });

  test("every state but the terminal ones has a way on, and leads to an end", () => {
    for (const state of states) {
      const onward = Object.values(table[state] ?? {}).some((cell) => cell.to !== state);
      expect(onward, state).toBe(!terminal.includes(state));
      expect(
        [...reachable(table, state)].some((end) => terminal.includes(end)),
        state,
      ).toBe(true);
    }
  });

  test("a refused event says what was not allowed where", () => {
    const conversation = new Conversation(table, start);
    expect(() => conversation.on("nonsense")).toThrow(`"nonsense" is not allowed in the state "${start}"`);
  });

  test("an event named like a method of every object is refused", () => {
    for (const event of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
      const conversation = new Conversation(table, start);
      expect(conversation.allows(event)).toBe(false);
      expect(codeOf(() => conversation.on(event))).toBe("frame-unexpected");
    }
  });
});

describe("carrying out an event", () => {
  const table = { a: { go: { to: "b", do: ["first", "second", "third"] } }, b: {} } as const satisfies Transitions;

  test("runs its effects one after the other, with its cause, in the state that follows", async () => {
    const done: string[] = [];
    const conversation = new Conversation(table, "a");
    const note = (name: string) => (cause: string) => void done.push(`${name} ${cause} ${conversation.state}`);
    const slowly = async (cause: string) => {
      await new Promise(setImmediate);
      note("first")(cause);
    };
    await conversation.carryOut("go", { first: slowly, second: note("second"), third: note("third") }, "frame");
    expect(done).toEqual(["first frame b", "second frame b", "third frame b"]);
  });

  test("stops at the first effect that fails", async () => {
    const done: string[] = [];
    const conversation = new Conversation(table, "a");
    const effects = {
      first: () => void done.push("first"),
      second: () => Promise.reject(new Error("disk")),
      third: () => void done.push("third"),
    };
    await expect(conversation.carryOut("go", effects)).rejects.toThrow("disk");
    expect(done).toEqual(["first"]);
  });

  test("that is not allowed does nothing", async () => {
    const conversation = new Conversation(table, "b");
    const effects = { first: unwanted, second: unwanted, third: unwanted };
    expect(() => conversation.carryOut("go", effects)).toThrow(expect.objectContaining({ code: "frame-unexpected" }));
  });
});

const unwanted = () => {
  throw new Error("this effect was not asked for");
};

function reachable(table: Transitions, start: string): Set<string> {
  const seen = new Set([start]);
  for (const state of seen) for (const cell of Object.values(table[state] ?? {})) seen.add(cell.to);
  return seen;
}
