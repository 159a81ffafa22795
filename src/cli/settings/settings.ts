/**
 * Every setting of the command line, once.
 *
 * Flags, environment variables, config keys, prompts, help texts and error messages all derive from this
 * table, so all of them know the same settings. A setting has one name: `buffer-size`
 * is `--buffer-size` on a command line, `FILESPOOL_BUFFER_SIZE` in the environment and `"buffer-size"` in
 * a config file. resolve.ts decides which source wins. The commands decide what the values do.
 *
 * What one row becomes, with `lease` as the example:
 *
 *   help       --lease <duration>    how long a receiver may hold a file ... (default: 1m)
 *   flag       filespool serve --lease 2m
 *   variable   FILESPOOL_LEASE=2m
 *   key        { "lease": "2m" }
 *   question   none, since the row has no `ask`
 *   mistake    --lease does not accept "2": it takes a duration from 1s to 1d, such as 500ms, 30s, 5m or 7d
 *   value      values.lease === 120_000
 *
 * To add a setting: one row here (or in a settings-*.ts file), and its use in the command. Why one table: adr/0022.
 */
import { isQueuePattern } from "../../net/server/access.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { isQueueName } from "../../protocol/messages.ts";
import { checkQueue, safeName } from "../../protocol/names.ts";
import { COMMAND_NAMES, type Command, commandsOf } from "./command-names.ts";
import { optional, type Setting, setting } from "./setting.ts";
import { RECEIVE_SETTINGS } from "./settings-receive.ts";
import { SERVE_SETTINGS } from "./settings-serve.ts";
import { TRUST_SETTINGS } from "./settings-trust.ts";
import { WATCH_SETTINGS } from "./settings-watch.ts";
import { count, duration, oneOf, orUnlimited, PLACE, size, text, toggle, type ValueType } from "./value-types.ts";

const arePatterns = (names: string): boolean => names.split(",").every((name) => isQueuePattern(name.trim()));

/** Whether a rule for names (protocol/names.ts) accepts a name unchanged. */
function passes(name: string, rule: (name: string) => unknown): boolean {
  try {
    return (rule(name) ?? name) === name;
  } catch {
    return false;
  }
}

const isFileName = (name: string): boolean => passes(name, safeName);
/** Whether files may be sent to this queue. Older queues can break the rule; they can still be emptied. */
export const isSendQueue = (name: string): boolean => isQueueName(name) && passes(name, checkQueue);
const oldQueue = text("name", "a queue name: letters, digits, space, dot, dash, underscore", isQueueName);

// The commands that have a setting: by kind where all of that kind have it, by name elsewhere.
const ALL: readonly Command[] = COMMAND_NAMES;
const CONNECTING = commandsOf("client", "operator");
const NETWORKED = commandsOf("server", "client", "operator");
const CLIENTS = commandsOf("client");

/** The same value type for each of these commands. */
const forEach = <T>(commands: readonly Command[], valueType: ValueType<T>): Partial<Record<Command, ValueType<T>>> =>
  Object.fromEntries(commands.map((command) => [command, valueType]));

// Only names that look different: a space at the end would make another queue that looks the same.
const SEND_QUEUE =
  "a queue name: visible letters (in Unicode's NFC), digits, dot, dash, underscore, and single spaces between them";

// An invite answers every question about the server: see prompts.ts.
const WHERE = "Host of the server, or an invite?";

// Milliseconds. Ten years is longer than anybody wants; the bound catches typing mistakes.
const SECOND = 1_000;
const YEARS = 3_650 * 86_400 * SECOND;

/** The table. Its order is the order of the help and, but for the port of a server, of the questions. */
export const SETTINGS = {
  // Where. Asked for on a terminal, as the original program did. A space or the slash of a URL is refused at once;
  // a host that does not exist is noticed when the program connects.
  host: setting(PLACE, {
    fallback: "localhost",
    on: [...NETWORKED, "invite"],
    help: "address of the server; may include the port, as in [::1]:5011",
    helpOn: {
      serve: "address to listen on; may include the port, as in [::1]:5011",
      invite: "address under which others reach the server; may include the port",
    },
    ask: { serve: "Host to listen on?", send: WHERE, receive: WHERE },
  }),
  // 0 asks the system for a free port. Only a server can do that, hence `only` for the others.
  port: setting(count(0, 65_535), {
    fallback: 5011,
    on: [...NETWORKED, "invite"],
    help: "TCP port of the server",
    helpOn: { serve: "TCP port to listen on; 0 picks a free one" },
    only: forEach([...CONNECTING, "invite"], count(1, 65_535)),
    ask: { serve: "Port to listen on?", send: "Port of the server?", receive: "Port of the server?" },
  }),
  // With this flag a person accepts the risk. prompts.ts asks when the host is not this machine.
  insecure: setting(toggle, {
    fallback: false,
    on: NETWORKED,
    help: "send the token unencrypted, even over the network",
    helpOn: { serve: "let other machines connect although TLS or tokens are missing" },
  }),
  // The protocol's own rule, so that a wrong name is refused before the program connects.
  queue: setting(text("name", SEND_QUEUE, isSendQueue), {
    fallback: "default",
    on: [...CLIENTS, "requeue", "token", "invite"],
    help: "queue to use",
    helpOn: {
      send: "queue to put the files into",
      watch: "queue to put the files into",
      receive: "queue to take files from",
      requeue: "with --all: the queue whose dead letters to put back",
      token: "queues that the token is for",
      invite: "queue that the invite is for",
    },
    fallbackOn: { token: "none; create needs one" },
    ask: { guided: "Queue?" },
    only: {
      receive: oldQueue,
      requeue: oldQueue,
      token: text("names", 'queue names separated by commas; "photos-*" and "*" stand for many', arePatterns),
    },
  }),

  // Encryption and rights: settings-trust.ts.
  ...TRUST_SETTINGS,

  // How. The defaults are measured: adr/0063 (buffer), adr/0007 (digest).
  // Every buffer size gives the same files. In the original, a wrong one damaged them.
  "buffer-size": setting(size(LIMITS.bufferBytesMin, LIMITS.bufferBytesMax), {
    fallback: LIMITS.bufferBytesDefault,
    on: commandsOf("server", "client"),
    help: "largest data frame in which the content of a file is sent",
    ask: { serve: "Buffer size?", guided: "Buffer size?" },
  }),
  // serve: what "stored" promises. receive: what is on disk when the server may forget the file.
  durability: setting(oneOf(["fsync", "none"], "kind"), {
    fallback: "fsync",
    on: ["serve", "receive"],
    help: "fsync: a file is acknowledged when it would survive a power cut; none: faster, but a power cut may lose files",
  }),
  // SHA-256 is for other programs: the standard library of every language can check it.
  digest: optional(oneOf(["blake3", "sha256"], "kind"), {
    unset: "the server's choice",
    on: ["send", "watch"],
    help: "algorithm of the digest that proves that a file arrived whole",
  }),
  // Time without progress, not total time: a large file on a slow link never reaches this limit.
  retry: setting(duration(0, YEARS), {
    fallback: 60 * SECOND,
    on: CONNECTING,
    help: "after a lost connection, keep trying for this long; if given, also wait this long for a server that does not answer yet",
    helpOn: {
      watch: "keep trying for this long while the server is away",
    },
    fallbackOn: { watch: "forever; with --once 1m" },
  }),
  // For one attempt; --retry says for how long to repeat it.
  "connect-timeout": setting(duration(100, YEARS), {
    fallback: 10 * SECOND,
    on: CONNECTING,
    help: "longest time for one attempt to connect, until the server answers; all of its addresses are tried at once",
  }),

  // serve: the store and its limits. Most people need only the first; the defaults of the others refuse no honest
  // sender. What has no limit here fills the disk, and then somebody is called at night (adr/0009).
  spool: setting(text("folder", "the path of a folder"), {
    fallback: "./spool",
    on: ["serve", "token", "invite"],
    help: "folder that keeps the files until they are collected",
    helpOn: { token: "spool folder of the server", invite: "spool folder of the server" },
  }),
  // Limits, metrics and log: settings-serve.ts.
  ...SERVE_SETTINGS,

  // send: the same unchanged file, sent to the same queue again, is the same transfer unless --again is given.
  again: setting(toggle, {
    fallback: false,
    on: ["send"],
    help: "store a new copy of a file that was stored before",
  }),

  // A pipe has no name. Server and receiver apply the same rule to names.
  name: optional(text("name", "a file name", isFileName), {
    on: ["send"],
    help: "name for the content of standard input (the file -)",
    unset: "stdin",
  }),

  // watch: settings-watch.ts.
  ...WATCH_SETTINGS,

  // receive: where files go, what happens if a name is taken, when the run ends: settings-receive.ts.
  ...RECEIVE_SETTINGS,
  // 0 means the same as no --wait: look once. For send it is only a flag: a variable that is meant for receivers
  // must not make senders wait.
  wait: optional(duration(0, YEARS), {
    on: ["send", "receive"],
    help: "receive: end when nothing has arrived for this long; send: wait this long until all files are collected",
    helpOn: {
      receive: "end when nothing has arrived for this long",
      send: 'then wait this long until all files are collected; "forever" sets no limit',
    },
    unset: "do not wait",
    only: { send: orUnlimited(duration(0, YEARS), "forever") },
    flagOnly: ["send"],
  }),

  // Operators: how many files a command is about. Flags only: a forgotten variable must not widen a purge.
  all: setting(toggle, {
    fallback: false,
    on: ["requeue"],
    flagOnly: ["requeue"],
    help: "put back all dead letters of --queue",
  }),
  dead: setting(toggle, { fallback: false, on: ["purge"], flagOnly: ["purge"], help: "delete only the dead letters" }),

  // Output and questions.
  // With --json, stdout is for a program: it holds objects and nothing else, and no question is asked.
  json: setting(toggle, { fallback: false, on: ALL, help: "print one JSON object per line on stdout, for programs" }),
  // For cron, which mails what a command prints: silence means success.
  quiet: setting(toggle, { fallback: false, on: ALL, help: "print only errors" }),
  // FILESPOOL_DEBUG adds only the stack traces.
  verbose: setting(toggle, { fallback: false, on: ALL, help: "print more, and stack traces of errors" }),
  // Two names for one switch: people type --yes, scripts for other tools use --no-input.
  yes: setting(toggle, {
    fallback: false,
    on: ALL,
    help: "ask nothing; use the defaults",
    helpOn: { purge: "do not ask for confirmation" },
  }),
  "no-input": setting(toggle, {
    fallback: false,
    on: ALL,
    help: "ask nothing; use the defaults",
    helpOn: { purge: "ask nothing; purge then needs --yes" },
  }),
};

/** The name of a setting, which is the key of its row. */
export type SettingName = keyof typeof SETTINGS;

/** All of them, in the order of the table. */
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The resolved values, with which a command starts. */
export type Values = {
  readonly [K in SettingName]: (typeof SETTINGS)[K] extends Setting<infer T, infer D> ? T | D : never;
};

/** A row seen through its interface alone, for code that treats all settings alike. */
export const settingOf = (name: SettingName): Setting<unknown, unknown> =>
  SETTINGS[name] as unknown as Setting<unknown, unknown>;

/** The values that one command accepts for a setting. */
export const valueTypeOf = (name: SettingName, command: Command): ValueType<unknown> =>
  settingOf(name).only?.[command] ?? settingOf(name);

/**
 * The settings of one command, in the order of the table: what its help lists, what its flags are, and
 * which variables and keys are read for it.
 */
export const settingsOn = (command: Command): SettingName[] =>
  (Object.keys(SETTINGS) as SettingName[]).filter((name) => settingOf(name).on.includes(command));

/** The environment variable of a setting: `FILESPOOL_BUFFER_SIZE` for `buffer-size`. */
export const variableOf = (name: string): string => `FILESPOOL_${name.toUpperCase().replaceAll("-", "_")}`;

/** The sentence for a setting in the help of one command. */
export const helpOf = (name: SettingName, command: Command): string =>
  settingOf(name).helpOn?.[command] ?? settingOf(name).help;

/** The default as the help and the prompts show it; null for a switch. */
export function shownFallback(name: SettingName, command?: Command): string | null {
  const { fallback, fallbackOn = {}, show, argument, unset } = settingOf(name);
  const own = command && fallbackOn[command];
  if (own !== undefined || unset !== undefined) return own ?? unset ?? null;
  return argument === null ? null : show(fallback);
}
