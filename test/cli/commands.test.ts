import { describe, expect, test } from "vitest";
import { parseArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/cli/commands/table.ts";
import { COMMAND_NAMES, commandsOf } from "../../src/cli/settings/command-names.ts";
import { SETTINGS, type SettingName, settingOf } from "../../src/cli/settings/settings.ts";

/** What `filespool <words>` prints as help. */
const help = (...words: string[]): string => helpOn(80, ...words);

function helpOn(columns: number, ...words: string[]): string {
  let text = "";
  const output = { columns, write: (more: string) => (text += more) };
  expect(parseArguments(words, "0", output)).toBeNull();
  return text;
}

test("every command is in the overview, with its one line", () => {
  const overview = help("--help").replace(/\s+/g, " ");
  for (const name of COMMAND_NAMES) expect(overview).toContain(COMMANDS[name].about);
});

describe.each(COMMAND_NAMES)("%s", (name) => {
  test("has a help with examples that fits 80 columns", () => {
    const text = help(name, "--help");
    expect(text).toContain("Examples:");
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("has a help that fits 40 columns, but for its examples, and says the same", () => {
    const [narrow = ""] = helpOn(40, name, "--help").split("\nExamples:");
    expect(narrow.split("\n").filter((line) => line.length > 40 && !/Usage:|^ {2}-/.test(line))).toEqual([]);
    const words = (text = "") => text.split(/\s+/);
    expect(words(narrow)).toEqual(words(help(name, "--help").split("\nExamples:")[0]));
  });

  test("has examples that its own parser understands", () => {
    for (const [, example] of COMMANDS[name].examples) {
      // Ours may stand in a pipe or in $(...), with other programs around it, and write to a file.
      const ours = /\bfilespool\b(?:'[^']*'|[^|)>'])*/.exec(example)?.[0] ?? example;
      const words = ours.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", "")) ?? [];
      expect(words[0], example).toBe("filespool");
      expect(parseArguments(words.slice(1), "0", { write() {} }), example).toMatchObject({ verb: name });
    }
  });

  test("can be silenced, made talkative, read by programs and kept from asking", () => {
    for (const setting of ["json", "quiet", "verbose", "yes"] as const) expect(settingOf(setting).on).toContain(name);
  });
});

test("no setting belongs to a command that does not exist, nor asks in one that does not have it", () => {
  for (const setting of Object.keys(SETTINGS) as SettingName[]) {
    const { on, ask = {}, only = {} } = settingOf(setting);
    expect(COMMAND_NAMES, setting).toEqual(expect.arrayContaining([...on]));
    // The guided mode is one through a client.
    const asking = Object.keys(ask).map((command) => (command === "guided" ? "send" : command));
    expect(on, setting).toEqual(expect.arrayContaining([...asking, ...Object.keys(only)]));
  }
});

test("whoever connects to a server says where it is", () => {
  for (const name of commandsOf("client", "operator")) {
    for (const setting of ["host", "port", "retry"] as const) expect(settingOf(setting).on, setting).toContain(name);
  }
});
