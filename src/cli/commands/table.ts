/**
 * Every command, once: its name, its help, its words, and the function that runs it.
 *
 * The counterpart of settings.ts, which has every setting once and names the commands that have it. arguments.ts makes
 * subcommands and help texts from this table, and program.ts runs the functions. A command is data and two functions, so
 * those files know a command by name only where the guided mode needs it.
 *
 *   prepare   asks or checks what must be settled before anything is touched (which file? may it listen on this host?)
 *   run       the command itself; it imports heavy modules inside the function
 *
 * To add a command: its name in COMMAND_NAMES, one row here, its settings' `on` in settings.ts, and a file that runs it.
 * Only types are imported at the top, so the answer to a typing mistake loads none of this.
 */
import type { CommandRow, Example } from "../command.ts";
import type { Command } from "../settings/command-names.ts";
import { OPERATOR_COMMANDS } from "./operator-table.ts";

/** The table. */
export const COMMANDS: Readonly<Record<Command, CommandRow>> = {
  // It asks one question with consequences: whether others may reach a server without protection.
  serve: {
    about: "run a server that keeps files on disk until they are collected",
    examples: [
      ["ask for port, host and buffer size (on a terminal)", "filespool serve"],
      ["use the defaults: localhost:5011, files in ./spool", "filespool serve --yes"],
      ["pick a free port, and print it in the first line of NDJSON", "filespool serve --port 0 --json"],
      ["set limits, for a server that nobody watches", "filespool serve --yes --max-file-size 2GiB --file-ttl 7d"],
    ],
    async prepare(task, prompter) {
      const { allowHost } = await import("../prompts/prompts.ts");
      const { checkServe } = await import("./serve-rules.ts");
      checkServe(task.settings);
      (await import("../credentials/own-spool.ts")).checkSpool(task.settings);
      return { ...task, settings: await allowHost(task.settings, prompter) };
    },
    run: async ({ settings }, context) => (await import("./serve.ts")).serve(settings, context),
  },
  // Without a file it asks for one on a terminal. In a script that is an error, because there is no default.
  send: {
    about: "send files to a queue of a server",
    operands: [
      { syntax: "[file...]", help: "files and folders to send; - for standard input; without any, a terminal asks" },
    ],
    examples: [
      ['one file, to the queue "default"', "filespool send report.pdf"],
      ["several files, in this order", "filespool send --queue photos *.jpg"],
      ["a folder with everything in it, as one transfer", "filespool send ./photos"],
      ["the output of a program", "pg_dump shop | filespool send - --name shop.sql"],
      ["keep trying for an hour; after a crash, the same command continues", "filespool send --retry 1h backup.tar"],
      ["wait until somebody has collected the file", "filespool send --wait 2h report.pdf"],
    ],
    async prepare(task, prompter) {
      if (task.operands.length > 0) return task;
      const { UsageError } = await import("../exit-codes.ts");
      if (prompter === null) throw new UsageError("send needs at least one file: filespool send FILE...");
      return { ...task, operands: [await prompter.file("Which file?")] };
    },
    async run({ settings, operands }, { report, environment, signal }) {
      const sources = (await import("./send-sources.ts")).sourcesOf(operands, settings, environment);
      const { ownSenderKey } = await import("./send-key.ts");
      const key = await ownSenderKey(environment.env, report);
      return (await import("./send.ts")).send(settings, sources, key, report, { signal, now: environment.now });
    },
  },
  // Asks nothing here: everything has a default, and a file that was collected by mistake is in a folder, not lost.
  receive: {
    about: "collect the files that wait in a queue, oldest first",
    examples: [
      ["all files that are waiting, then end", "filespool receive"],
      ["from another queue, into another folder", "filespool receive --queue photos --out ./inbox"],
      ["one file; give up after five minutes without one", "filespool receive --count 1 --wait 5m"],
      ["run a program on each file before the server deletes its copy", "filespool receive --exec 'import-photo {}'"],
      ["run forever; give a file a new name if its name is taken", "filespool receive --follow --if-exists rename"],
    ],
    async run({ settings }, context) {
      const { report, environment, file, signal } = context;
      if (settings.values.follow) (await import("../report/outlet.ts")).staysOn(context, report.warn);
      return (await import("./receive.ts")).receive(
        settings,
        report,
        { signal, now: environment.now },
        { environment, file },
      );
    },
  },
  // A hot folder. `prepare` checks the settings before the first file is touched.
  watch: {
    about: "send each file that is put into a folder, as soon as it is complete",
    operands: [{ syntax: "<folder>", help: "folder to watch; files in its subfolders are not sent" }],
    examples: [
      ["send each new file once, and leave it in the folder", "filespool watch outbox --queue scans"],
      ["delete each file after it is stored", "filespool watch outbox --after delete"],
      ["move each file to another folder after it is stored", "filespool watch outbox --after move --moved-to sent"],
      ["only tables, from a program that pauses while it writes", "filespool watch outbox --match '*.csv' --settle 1m"],
      ["send the files that are there now, then end (for cron)", "filespool watch outbox --once --quiet"],
    ],
    async prepare(task) {
      (await import("./watch.ts")).checkWatch(task.settings);
      return task;
    },
    run: async ({ settings, operands: [folder = ""] }, { report, environment }) =>
      (await import("./watch.ts")).watch(settings, folder, report, environment),
  },
  // The commands for operators: operator-table.ts.
  ...OPERATOR_COMMANDS,
  // Local, like token: write access to the spool folder is proof enough.
  invite: {
    about: "make an invite: one string with which somebody else can send or collect",
    examples: [
      ["an invite to send and collect", "filespool invite --queue photos --host files.example.org"],
      ["an invite to send only, for a week", "filespool invite --queue photos --rights send --expires 7d --for alice"],
    ],
    run: async ({ settings }, { report, stdout }) => (await import("./token.ts")).invite(settings, report, stdout),
  },
  token: {
    about: "make, list, renew and revoke the tokens of a server",
    operands: [
      { syntax: "<action>", help: "what to do", choices: ["create", "list", "rotate", "revoke"] },
      { syntax: "[id]", help: "id of the token, for rotate and revoke" },
    ],
    examples: [
      [
        "permit alice to send to all queues of a team",
        "filespool token create --queue 'team-*' --rights send --for alice",
      ],
      ["list all tokens, with the time at which they expire", "filespool token list"],
      ["make a new secret; the old one stays valid for an hour", "filespool token rotate 3f2a9c01 --grace 1h"],
      ["end a token now, and close the connections that use it", "filespool token revoke 3f2a9c01"],
    ],
    run: async ({ settings, operands }, { report, stdout }) =>
      (await import("./token.ts")).token(settings, operands, report, stdout),
  },
  // Written to stdout as it is: a shell evaluates it, and would run a friendly sentence as a command.
  completion: {
    about: "print a script that makes TAB complete commands, options and values",
    operands: [{ syntax: "<shell>", help: "shell for which to print the script", choices: ["bash", "zsh", "fish"] }],
    examples: [
      ["bash: add this line to ~/.bashrc", 'eval "$(filespool completion bash)"'],
      ["zsh: add this line to ~/.zshrc, after compinit", 'eval "$(filespool completion zsh)"'],
      ["fish: run this once", "filespool completion fish > ~/.config/fish/completions/filespool.fish"],
    ],
    async run({ operands: [shell = ""] }, { stdout }) {
      const { EXIT } = await import("../exit-codes.ts");
      stdout.write((await import("./completion.ts")).completionScript(shell, COMMANDS));
      return EXIT.done;
    },
  },
  config: {
    about: "check a config file, show the settings that a command would use, or make a config file",
    operands: [
      {
        syntax: "<action>",
        help: "check: find all mistakes in a file; show: list all settings and their origins; init: write a config file",
        choices: ["check", "show", "init"],
      },
      { syntax: "[command]", help: "for show: the command whose settings to list (default: serve)" },
    ],
    examples: [
      ["find all mistakes in a file before a server reads it", "filespool config check --config server.json"],
      ["list the settings with which serve would start", "filespool config show"],
      ["the same for receive, with an option", "filespool config show receive --port 7000"],
      ["write your own config file, which later runs read", "filespool config init --host files.example.org"],
    ],
    run: async ({ operands }, context) => (await import("./config.ts")).config(operands, context),
  },
};

/** The examples of the program as a whole. */
export const OVERVIEW: readonly Example[] = [
  ["run a server on localhost:5011 that keeps files in ./spool", "filespool serve --yes"],
  ['send a file to the queue "default"', "filespool send report.pdf"],
  ["collect the files that wait there, now or days later", "filespool receive --out ./inbox"],
  ["let filespool ask what to do (on a terminal)", "filespool"],
];
