/** Laws of diagrams: drawings of the code become some, none is wider than its page, and a table's arrows are all there. */
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { UPLOAD_SERVER } from "../../src/protocol/upload.ts";
import { drawing } from "../scripts/drawings.ts";
import { statesPage } from "../scripts/pages/states.ts";
import { knowDecisions } from "../scripts/prose.ts";
import { fitted, tableOf } from "../src/diagrams.ts";

knowDecisions(readdirSync(resolve(import.meta.dirname, "../../adr")));

describe("a drawing in a comment", () => {
  it("of a conversation becomes a diagram with its arrows, words and notes", () => {
    const drawn =
      "sender        server\nhello ------>\n      <------ welcome; 1     so far\nthen ... --->          more ...";
    expect(drawing(drawn)).toBe(
      [
        "```mermaid",
        "sequenceDiagram",
        "  participant sender",
        "  participant server",
        "  sender->>server: hello",
        "  server->>sender: welcome#59; 1: so far",
        "  sender->>server: then ...: more",
        "```",
      ].join("\n"),
    );
    expect(() => drawing("sender        server\nhello ------>\nno arrow")).toThrow(/no arrows/);
  });

  it("of names becomes a list, a command a block of shell, and anything else stays as it is", () => {
    expect(drawing("for people    lines\n--json        objects")).toBe("- **for people**: lines\n- `--json`: objects");
    expect(drawing("filespool send x\ncase $? in")).toMatch(/^```sh\n/);
    expect(drawing("a <= b\n  c")).toBe("```text\na <= b\n  c\n```");
  });
});

describe("a diagram of states", () => {
  it("has each cell of the table once", () => {
    const [text = ""] = /stateDiagram-v2[^`]*/.exec(statesPage().body) ?? [];
    const cells = (table: object) =>
      Object.entries(table).map(([state, row]) => [
        state,
        Object.entries(row as Record<string, { to: string }>)
          .map(([event, { to }]) => `${event} ${to}`)
          .sort(),
      ]);
    expect(Object.fromEntries(cells(tableOf(text) as object))).toEqual(Object.fromEntries(cells(UPLOAD_SERVER)));
  });

  it("has an end of its own where something leads there, and is none where the text is none", () => {
    const text = 'stateDiagram-v2\n  state "an A" as a\n  [*] --> a: offer\n  a --> [*]: cancel, expiry\n';
    expect(tableOf(text)).toEqual({
      "an A": { cancel: { to: "gone", do: [] }, expiry: { to: "gone", do: [] } },
      gone: {},
    });
    expect(tableOf("flowchart TD\n  a --> b")).toBeNull();
  });
});

describe("a conversation", () => {
  const text = `sequenceDiagram\n  participant A\n  participant B\n  participant C\n  A->>B: one two three four five six\n  A-->>C: one two three four five six`;
  const words = (isNarrow: boolean) =>
    fitted(text, isNarrow)
      .split("\n")
      .filter((line) => line.includes(">>"));

  it("breaks its words to the room between the columns, and loses none", () => {
    const [near, far] = words(true);
    expect(near?.split("<br/>").length).toBeGreaterThan(far?.split("<br/>").length ?? 0);
    expect(near?.replaceAll("<br/>", " ")).toBe("  A->>B: one two three four five six");
    expect(words(false)[1]).toBe("  A-->>C: one two three four five six");
  });

  it("leaves other diagrams as they are where there is room", () => {
    expect(fitted("flowchart LR\n a --> b", false)).toBe("flowchart LR\n a --> b");
    expect(fitted("flowchart LR\n a --> b", true)).toContain("flowchart TD");
  });
});
