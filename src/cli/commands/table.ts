/**
 * Every command, once: its name, its help, what it takes, and what runs it.
 *
 * The counterpart of settings.ts, which has every setting once and says by the names from here which command has it.
 * arguments.ts makes subcommands and help texts of this table, program.ts runs what it names. A command is data and
 * two functions, so that none of those files knows a command by name except where the guided mode needs it.
 *
 *   prepare   what must be asked or allowed before anything is touched (may this host be listened on? which file?)
 *   run       the command itself; what is heavy comes with it, by an `import` inside the function
 *
 * To add a command: its name in COMMAND_NAMES, one row here, its settings' `on` in settings.ts, and a file that runs it.
 * Only types are imported at the top: a typing mistake is answered without loading any of this.
 */
import type { CommandRow, Example } from "../command.ts";
import type { Command } from "../settings/command-names.ts";
import { OPERATOR_COMMANDS } from "./operator-table.ts";

/** The table. */
export const COMMANDS: Readonly<Record<Command, CommandRow>> = {
  // Its question is the one that cannot be taken back later: whether a server without protection may be reached by
  // others.
  serve: {
    about: "keep files on disk until they are collected",
    examples: [
      ["be asked for port, host and buffer size (on a terminal)", "filespool serve"],
      ["take the defaults: localhost:5011, files in ./spool", "filespool serve --yes"],
      ["a free port, named in the first line of NDJSON", "filespool serve --port 0 --json"],
      ["bounded, for unattended work", "filespool serve --yes --max-file-size 2GiB --file-ttl 7d"],
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
  // Without a file it asks for one, on a terminal; in a script there is nobody to ask, and nothing to guess.
  send: {
    about: "put files into a queue of a server",
    operands: [
      { syntax: "[file...]", help: "files and folders to send, - for standard input; asked for on a terminal" },
    ],
    examples: [
      ['one file, into the queue "default"', "filespool send report.pdf"],
      ["many files, in this order", "filespool send --queue photos *.jpg"],
      ["a folder with all that is in it, as one transfer", "filespool send ./photos"],
      ["what a program writes", "pg_dump shop | filespool send - --name shop.sql"],
      ["keep trying; run it again to continue after a crash", "filespool send --retry 1h backup.tar"],
      ["and wait until somebody has collected it", "filespool send --wait 2h report.pdf"],
    ],
    async prepare(task, prompter) {
      if (task.operands.length > 0) return task;
      const { UsageError } = await import("../exit-codes.ts");
      // A file cannot have a default, so this is the one thing that must be asked for, or fail.
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
  // Asks nothing: everything has a default, and what is collected wrongly is in a folder, not lost.
  receive: {
    about: "collect the files that wait in a queue, oldest first",
    examples: [
      ["everything that waits, then end", "filespool receive"],
      ["another queue, another folder", "filespool receive --queue photos --out ./inbox"],
      ["one file, and at most five minutes without one", "filespool receive --count 1 --wait 5m"],
      ["hand each file to a program before the server forgets it", "filespool receive --exec 'import-photo {}'"],
      ["for ever, keeping files of equal names apart", "filespool receive --follow --if-exists rename"],
    ],
    async run({ settings }, context) {
      const { report, environment, file, signal } = context;
      if (settings.values.follow) (await import("../report/outlet.ts")).staysOn(context, report.complain);
      return (await import("./receive.ts")).receive(
        settings,
        report,
        { signal, now: environment.now },
        { environment, file },
      );
    },
  },
  // A hot folder. What it is to do with each file is settled before the first one is touched.
  watch: {
    about: "send each file that is put into a folder, as soon as it is complete",
    operands: [
      { syntax: "<folder>", help: "folder to watch; the files in it are sent, not what lies in its subfolders" },
    ],
    examples: [
      ["send what is put into outbox, and remember what was sent", "filespool watch outbox --queue scans"],
      ["empty the folder as it goes", "filespool watch outbox --after delete"],
      ["put aside what was sent", "filespool watch outbox --after move --moved-to sent"],
      ["only tables, from a program that pauses while it writes", "filespool watch outbox --match '*.csv' --settle 1m"],
      ["once, from cron", "filespool watch outbox --once --quiet"],
    ],
    async prepare(task) {
      (await import("./watch.ts")).checkWatch(task.settings);
      return task;
    },
    run: async ({ settings, operands: [folder = ""] }, { report, environment }) =>
      (await import("./watch.ts")).watch(settings, folder, report, environment),
  },
  // Looking after a running server: operator-table.ts.
  ...OPERATOR_COMMANDS,
  // Local, like token: whoever can write to the spool folder needs no further proof.
  invite: {
    about: "print one string with which somebody else can send or collect",
    examples: [
      ["for everybody who gets this string", "filespool invite --queue photos --host files.example.org"],
      ["to send only, for a week", "filespool invite --queue photos --rights send --expires 7d --for alice"],
    ],
    run: async ({ settings }, { report, stdout }) => (await import("./token.ts")).invite(settings, report, stdout),
  },
  token: {
    about: "decide who may use the server of a spool folder",
    operands: [
      { syntax: "<action>", help: "create, list, rotate or revoke", choices: ["create", "list", "rotate", "revoke"] },
      { syntax: "[id]", help: "of the token, for rotate and revoke" },
    ],
    examples: [
      ["a right to send to every queue of a team", "filespool token create --queue 'team-*' --rights send --for alice"],
      ["what there is, and until when", "filespool token list"],
      ["a new secret; the old one is good for another hour", "filespool token rotate 3f2a9c01 --grace 1h"],
      ["end it now, also what it has opened", "filespool token revoke 3f2a9c01"],
    ],
    run: async ({ settings, operands }, { report, stdout }) =>
      (await import("./token.ts")).token(settings, operands, report, stdout),
  },
  // Written to stdout as it is: a shell evaluates it, and one friendly sentence in between would be run as a command.
  completion: {
    about: "print a script with which a shell completes commands, flags and values",
    operands: [{ syntax: "<shell>", help: "bash, zsh or fish", choices: ["bash", "zsh", "fish"] }],
    examples: [
      ["bash: in ~/.bashrc", 'eval "$(filespool completion bash)"'],
      ["zsh: in ~/.zshrc, after compinit", 'eval "$(filespool completion zsh)"'],
      ["fish: once", "filespool completion fish > ~/.config/fish/completions/filespool.fish"],
    ],
    async run({ operands: [shell = ""] }, { stdout }) {
      const { EXIT } = await import("../exit-codes.ts");
      stdout.write((await import("./completion.ts")).completionScript(shell, COMMANDS));
      return EXIT.done;
    },
  },
  config: {
    about: "check a config file, show which settings hold and why, or begin a file",
    operands: [
      {
        syntax: "<action>",
        help: "check: find every mistake; show: every setting and its origin; init: write a file of your own",
        choices: ["check", "show", "init"],
      },
      { syntax: "[command]", help: "show: of which command (default: serve)" },
    ],
    examples: [
      ["every mistake of a file, before a server reads it", "filespool config check --config server.json"],
      ["what a server would be started with", "filespool config show"],
      ["the same for a receiver, with a flag", "filespool config show receive --port 7000"],
      ["a file of your own, which later runs read by themselves", "filespool config init --host files.example.org"],
    ],
    run: async ({ operands }, context) => (await import("./config.ts")).config(operands, context),
  },
};

/** The examples of the program as a whole. */
export const OVERVIEW: readonly Example[] = [
  ["keep what is sent to localhost:5011, in the folder ./spool", "filespool serve --yes"],
  ['put a file into the queue "default"', "filespool send report.pdf"],
  ["collect what waits there, now or days later", "filespool receive --out ./inbox"],
  ["be asked what to do (on a terminal)", "filespool"],
];
