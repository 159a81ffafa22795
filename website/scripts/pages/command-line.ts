/** The command line and its configuration, from the two tables that the program itself is made of. */
import { CONFIG_RULE } from "../../../src/cli/arguments.ts";
import { COMMANDS } from "../../../src/cli/commands/table.ts";
import { COMMAND_NAMES, type Command } from "../../../src/cli/settings/command-names.ts";
import {
  helpOf,
  SETTINGS,
  type SettingName,
  settingOf,
  settingsOn,
  shownFallback,
  valueTypeOf,
  variableOf,
} from "../../../src/cli/settings/settings.ts";
import { cell, code, fence, join, type Page, table } from "../markdown.ts";
import { prose } from "../prose.ts";
import { fileComment } from "../source-comments.ts";

const flagOf = (name: SettingName): string => {
  const { argument } = settingOf(name);
  return argument === null ? `--${name}` : `--${name} <${argument}>`;
};

function commandPart(command: Command): string {
  const { about, operands = [], examples } = COMMANDS[command];
  const rows = settingsOn(command).map((name) => [
    code(flagOf(name)),
    cell(helpOf(name, command)),
    cell(shownFallback(name, command) ?? "off"),
  ]);
  return join(
    `## ${command}`,
    `${about[0]?.toUpperCase()}${about.slice(1)}.`,
    fence("text", `filespool ${[command, ...operands.map(({ syntax }) => syntax)].join(" ")} [options]`),
    table(
      ["Operand", "What"],
      operands.map(({ syntax, help, choices }) => [
        code(syntax),
        cell(help + (choices ? `: ${choices.join(", ")}` : "")),
      ]),
    ),
    table(["Option", "What it does", "Default"], rows),
    "Examples:",
    fence("sh", examples.map(([purpose, line]) => `# ${purpose}\n${line}`).join("\n\n")),
  );
}

export function commandLinePage(): Page {
  return {
    name: "command-line",
    title: "Command line",
    about: "Every command with its options and defaults.",
    from: ["src/cli/commands/table.ts", "src/cli/settings/settings.ts"],
    body: join(
      "`filespool --help` and `filespool COMMAND --help` print the same, from the same tables. Without a command, on a terminal, `filespool` asks what you want to do and for what that needs.",
      table(
        ["Command", "For"],
        COMMAND_NAMES.map((name) => [`[${code(`filespool ${name}`)}](#${name})`, cell(COMMANDS[name].about)]),
      ),
      "Sizes are written `1000`, `64KiB`, `1MiB` or `10GB`; durations `500ms`, `30s`, `5m`, `2h` or `7d`. How a command ends is in [Exit codes](exit-codes.md); what it says with `--json` is in [Events](events.md).",
      ...COMMAND_NAMES.map(commandPart),
    ),
  };
}

export function configurationPage(): Page {
  const rows = (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const { on, accepts, only } = settingOf(name);
    const others = Object.keys(only ?? {}) as Command[];
    const narrower =
      others.length === 0 ? "" : `; for ${others.join(", ")}: ${valueTypeOf(name, others[0] as Command).accepts}`;
    const isForAll = COMMAND_NAMES.every((command) => on.includes(command));
    return [
      `<a id="${name}"></a>${code(name)}`,
      code(variableOf(name)),
      cell(`${accepts}${narrower}`),
      cell(shownFallback(name) ?? "false"),
      isForAll ? "all" : on.join(", "),
    ];
  });
  const example = JSON.stringify({ host: "localhost", port: SETTINGS.port.fallback, "buffer-size": "1MiB" }, null, 2);
  return {
    name: "configuration",
    isWide: true,
    title: "Configuration",
    about: "Every setting: as a flag, as a variable of the environment, as a key of the config file.",
    from: ["src/cli/settings/settings.ts", "src/cli/settings/resolve.ts", "src/cli/settings/config-file.ts"],
    body: join(
      `A setting has one name everywhere. \`buffer-size\` is the flag \`--buffer-size\`, the variable \`${variableOf("buffer-size")}\`, and the key \`"buffer-size"\` in a config file:`,
      fence("json", example),
      `${CONFIG_RULE} \`--config /dev/null\` reads none.`,
      `\`filespool config init\` makes your own, with the flags that it is given as settings. \`--verbose\` says which file was read. A key that does not exist is an error, with the nearest one that does; so is a key that comes twice.`,
      prose(fileComment("src/cli/settings/config-file.ts")),
      prose(fileComment("src/cli/settings/resolve.ts")),
      "## All settings",
      table(["Name and key", "Variable", "Takes", "Default", "Commands"], rows),
    ),
  };
}
