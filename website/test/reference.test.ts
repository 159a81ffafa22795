/** Laws of the reference: it has everything that the code has, follows what changes there, and stops at what it has no words for. */
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { COMMAND_NAMES } from "../../src/cli/settings/command-names.ts";
import { SETTINGS, type SettingName, variableOf } from "../../src/cli/settings/settings.ts";
import { DELIVERY_RECEIVER, DELIVERY_SERVER } from "../../src/protocol/delivery.ts";
import { ERRORS } from "../../src/protocol/errors.ts";
import { FRAMES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { SCHEMAS } from "../../src/protocol/messages.ts";
import { OPERATE_CLIENT, OPERATE_SERVER } from "../../src/protocol/operate.ts";
import { UPLOAD_SENDER, UPLOAD_SERVER } from "../../src/protocol/upload.ts";
import { SPOOL_LIMITS } from "../../src/spool/contract.ts";
import { bytes, limit } from "../plugins/units.ts";
import { cell, code, table } from "../scripts/markdown.ts";
import { commandLinePage, configurationPage } from "../scripts/pages/command-line.ts";
import { errorsPage, exitCodesPage } from "../scripts/pages/errors.ts";
import { eventsPage } from "../scripts/pages/events.ts";
import { limitsPage } from "../scripts/pages/limits.ts";
import { describe as describeSchema, messagesPage } from "../scripts/pages/messages.ts";
import { metricsPage, parseMetrics } from "../scripts/pages/metrics.ts";
import { sendersOf, statesPage } from "../scripts/pages/states.ts";
import { wirePage } from "../scripts/pages/wire.ts";
import { knowDecisions, prose, sentences } from "../scripts/prose.ts";
import { fileComment, membersOf, unionOf } from "../scripts/source-comments.ts";

const decisions = readdirSync(resolve(__dirname, "../../adr")).filter((name) => /^\d{4}-/.test(name));

beforeEach(() => knowDecisions(decisions));
afterEach(() => {
  vi.doUnmock("../../src/protocol/frame.ts");
  vi.doUnmock("../../src/protocol/limits.ts");
  vi.doUnmock("../../src/protocol/messages.ts");
  vi.resetModules();
});

/** The rows of the tables of a page, as cells. */
const rowsOf = (body: string): string[][] =>
  (body.match(/^\| .*$/gm) ?? []).map((line) => line.slice(2, -2).split(/ (?<!\\)\| /));

const rowWith = (body: string, first: string): string[] =>
  rowsOf(body).find(([start]) => start?.endsWith(first)) ?? [`no row for ${first}`];

describe("the reference has", () => {
  it("each frame, with its number and the bound of its payload", () => {
    const rows = rowsOf(wirePage().body);
    for (const [name, type] of Object.entries(FRAMES)) {
      const row = rows.find(([first]) => first === code(`0x${type.toString(16).padStart(2, "0")}`));
      expect(row?.[1], name).toContain(name);
      const most: Readonly<Record<string, number>> = { data: LIMITS.dataBytesMax, zeros: 4 };
      expect(row?.[4], name).toBe(bytes(most[name] ?? LIMITS.controlBytesMax));
    }
  });

  it("each message, with each of its fields", () => {
    const parts = messagesPage().body.split(/^## /m);
    for (const [name, schema] of Object.entries(SCHEMAS)) {
      const part = parts.find((text) => text.startsWith(`${name}\n`)) ?? "";
      for (const field of Object.keys(schema.entries))
        expect(rowWith(part, code(field))[0], `${name}.${field}`).toBe(code(field));
    }
  });

  it("each limit, with its value and what breaks without it", () => {
    const { body } = limitsPage();
    for (const [name, value] of [...Object.entries(LIMITS), ...Object.entries(SPOOL_LIMITS)]) {
      const [, shown, why] = rowWith(body, code(name));
      expect([name, shown]).toEqual([name, limit(name, value)]);
      expect(why, name).toMatch(/\w/);
    }
  });

  it("each cell of each transition table", () => {
    const rows = rowsOf(statesPage().body).map(([state, event, to, effects]) =>
      [state, event?.replace(/^\[|\].*$/g, ""), to, effects].join(" "),
    );
    const tables = [UPLOAD_SERVER, UPLOAD_SENDER, DELIVERY_SERVER, DELIVERY_RECEIVER, OPERATE_SERVER, OPERATE_CLIENT];
    const cells = tables.flatMap((transitions) =>
      Object.entries(transitions).flatMap(([state, row]) =>
        Object.entries(row as Record<string, { to: string; do: readonly string[] }>).map(
          ([event, { to, do: effects }]) =>
            [code(state), code(event), code(to), effects.map(code).join(", ") || "nothing"].join(" "),
        ),
      ),
    );
    expect(
      rows.filter((row) => row !== "In state on goes to and does, in this order" && !row.startsWith("---")).sort(),
    ).toEqual(cells.sort());
  });

  it("each error code and each exit code", () => {
    const errors = errorsPage().body;
    for (const [name, { means, fault, retry }] of Object.entries(ERRORS)) {
      expect(rowWith(errors, code(name)).slice(1)).toEqual([cell(means), fault, retry ? "yes" : "no"]);
    }
    const exits = rowsOf(exitCodesPage().body);
    for (const [name, exit] of Object.entries(EXIT))
      expect(exits).toContainEqual([`**${exit}**`, code(name), expect.any(String), expect.any(String)]);
  });

  it("each command and each setting, as flag, variable and key", () => {
    const commands = commandLinePage().body;
    for (const name of COMMAND_NAMES) expect(commands).toMatch(new RegExp(`^## ${name}$`, "m"));
    const settings = configurationPage().body;
    for (const name of Object.keys(SETTINGS) as SettingName[])
      expect(rowWith(settings, code(name))[1]).toBe(code(variableOf(name)));
  });

  it("each event and each metric", async () => {
    const events = rowsOf(eventsPage().body).map(([first]) => first);
    for (const name of ["stored", "landed", "acked", "resumed", "listening", "requeued"])
      expect(events).toContain(code(name));
    const count =
      unionOf("src/net/events.ts", "TransferEvent").length + unionOf("src/net/events.ts", "ServerEvent").length;
    expect(events.length).toBeGreaterThanOrEqual(count);
    const metrics = rowsOf((await metricsPage()).body).map(([first]) => first);
    expect(metrics).toContain(code("filespool_transfers_stored_total"));
  });
});

describe("what changes in the code", () => {
  it("changes here: a limit", async () => {
    vi.doMock("../../src/protocol/limits.ts", async (original) => {
      const module = await original<{ LIMITS: typeof LIMITS }>();
      return { ...module, LIMITS: { ...module.LIMITS, idleMs: 37_000 } };
    });
    const changed = await import("../scripts/pages/limits.ts");
    (await import("../scripts/prose.ts")).knowDecisions(decisions);
    expect(rowWith(changed.limitsPage().body, code("idleMs"))[1]).toBe("37 seconds");
    const wire = await import("../scripts/pages/wire.ts");
    expect(wire.wirePage().body).toContain("heard nothing for 37 seconds");
    expect(rowWith(limitsPage().body, code("idleMs"))[1]).toBe("30 seconds");
  });

  it("stops the generator where it has no words: a frame that no transition table knows", async () => {
    vi.doMock("../../src/protocol/frame.ts", async (original) => {
      const module = await original<{ FRAMES: typeof FRAMES }>();
      return { ...module, FRAMES: { ...module.FRAMES, hail: 0x7e } };
    });
    const { wirePage: changed } = await import("../scripts/pages/wire.ts");
    (await import("../scripts/prose.ts")).knowDecisions(decisions);
    expect(() => changed()).toThrow(/no transition table waits for the frame hail/);
  });

  it("stops the generator where the drawing and the code disagree: a header of another size", async () => {
    vi.doMock("../../src/protocol/frame.ts", async (original) => ({ ...(await original<object>()), HEADER_BYTES: 25 }));
    const { wirePage: changed } = await import("../scripts/pages/wire.ts");
    expect(() => changed()).toThrow(/the drawing has 24 bytes, the code has 25/);
  });

  it("stops the generator where the drawing and the code disagree: two fields that have changed places", async () => {
    vi.doMock("../../src/protocol/frame.ts", async (original) => {
      const module = await original<{ encodeHeader: (...all: unknown[]) => Uint8Array }>();
      const swapped = (...all: unknown[]): Uint8Array => {
        const header = module.encodeHeader(...all);
        return Uint8Array.from([...header.subarray(0, 16), ...header.subarray(20), ...header.subarray(16, 20)]);
      };
      return { ...module, encodeHeader: swapped, decodeHeader: () => ({ length: 12, offset: 2 ** 32 + 5 }) };
    });
    const { wirePage: changed } = await import("../scripts/pages/wire.ts");
    (await import("../scripts/prose.ts")).knowDecisions(decisions);
    expect(() => changed()).toThrow(/at 16, the code does not/);
  });

  it("stops the generator where it has no words: a rule or a type of a field", () => {
    expect(() => describeSchema({ type: "string", pipe: [{ type: "string" }, { type: "emoji" }] })).toThrow(
      /the rule "emoji"/,
    );
    expect(() => describeSchema({ type: "map" })).toThrow(/the type "map"/);
    expect(() => sendersOf("hail")).toThrow(/hail/);
  });
});

describe("a field", () => {
  it("is described by the rules of its schema", () => {
    const text = { type: "string", pipe: [{ type: "string" }, { type: "max_length", requirement: 5 }] };
    expect(describeSchema(text)).toEqual({ type: "string", rules: "at most 5 UTF-16 code units", isOptional: false });
    expect(describeSchema({ type: "optional", wrapped: { type: "nullable", wrapped: text } })).toMatchObject({
      type: "string or null",
      isOptional: true,
    });
    expect(describeSchema({ type: "picklist", options: ["a", "b"] }).rules).toBe('`"a"` or `"b"`');
    expect(describeSchema({ type: "array", item: text, pipe: [{ type: "min_length", requirement: 1 }] })).toMatchObject(
      {
        type: "array of string",
        rules: "at least 1; each: at most 5 UTF-16 code units",
      },
    );
  });
});

describe("comments of the code", () => {
  it("are paragraphs without what is for readers of the code, with decisions as links", () => {
    expect(prose("A first\nline.\n\n  a drawing\n    of it\n\nWhy: adr/0005. Read next: frame.ts.")).toBe(
      "A first line.\n\n```text\na drawing\n  of it\n```\n\nWhy: [decision 0005](../../../adr/0005-give-the-header-a-checksum-of-its-own.md).",
    );
    expect(() => sentences("as in adr/9999")).toThrow(/9999/);
  });

  it("belong to what they stand above", () => {
    const members = membersOf("src/protocol/limits.ts", "LIMITS", true);
    expect(members.map(({ name }) => name)).toEqual(Object.keys(LIMITS));
    expect(members.find(({ name }) => name === "lookMs")?.comment).toContain("wait for its end");
    expect(fileComment("src/protocol/limits.ts")).toMatch(/^Every bound of the protocol/);
    expect(() => membersOf("src/protocol/limits.ts", "NOTHING")).toThrow(/declares no NOTHING/);
  });
});

describe("Markdown", () => {
  it("of a cell cannot break its table", () => {
    expect(table(["a"], [[cell("x | <b> *y*\n `<c>`")]])).toBe("| a |\n| --- |\n| x \\| &lt;b> \\*y\\* `<c>` |");
    expect(code("a|b")).toBe("`a\\|b`");
    expect(table(["a"], [])).toBe("");
  });
});

it("a scrape is read by names, types and labels", () => {
  const text =
    '# HELP a_total What.\n# TYPE a_total counter\na_total{queue="x"} 1\n# HELP b_seconds How long.\n# TYPE b_seconds histogram\nb_seconds_bucket{le="1",role="r"} 2\n';
  expect(parseMetrics(text)).toEqual([
    { name: "a_total", help: "What.", type: "counter", labels: new Set(["queue"]) },
    { name: "b_seconds", help: "How long.", type: "histogram", labels: new Set(["role"]) },
  ]);
});
