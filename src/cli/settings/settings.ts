/**
 * Every setting of the command line, once.
 *
 * Flags, environment variables, config keys, prompts, help texts and error messages all derive from this
 * table, so that none of them can know a setting that the others do not. A setting has one name: `buffer-size`
 * is `--buffer-size` on a command line, `FILESPOOL_BUFFER_SIZE` in the environment and `"buffer-size"` in
 * a config file. Which source wins is decided in resolve.ts; what the values do is decided in the commands.
 *
 * What one row becomes, with `lease` as the example:
 *
 *   help       --lease <duration>    a receiver that shows no progress for ... (default: 30s)
 *   flag       filespool serve --lease 2m
 *   variable   FILESPOOL_LEASE=2m
 *   key        { "lease": "2m" }
 *   question   none, since the row has no `ask`
 *   mistake    --lease does not accept "2": it takes a duration from 1s to 1d, such as 500ms, 30s, 5m or 7d
 *   value      values.lease === 120_000
 *
 * To add a setting: one row here (or in settings-serve.ts), and its use in the command. Nothing else. Why one table: adr/0022.
 */
import { isQueuePattern } from "../../net/server/access.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { isQueueName } from "../../protocol/messages.ts";
import { checkQueue, safeName } from "../../protocol/names.ts";
import { COMMAND_NAMES, type Command, commandsOf } from "./command-names.ts";
import { optional, type Setting, setting } from "./setting.ts";
import { SERVE_SETTINGS } from "./settings-serve.ts";
import { TRUST_SETTINGS } from "./settings-trust.ts";
import { WATCH_SETTINGS } from "./settings-watch.ts";
import { count, duration, oneOf, orUnlimited, PLACE, size, text, toggle, type ValueType } from "./value-types.ts";

const arePatterns = (names: string): boolean => names.split(",").every((name) => isQueuePattern(name.trim()));

/** Whether a rule of names (protocol/names.ts) lets a name pass as it is. */
function passes(name: string, rule: (name: string) => unknown): boolean {
  try {
    return (rule(name) ?? name) === name;
  } catch {
    return false;
  }
}

const isFileName = (name: string): boolean => passes(name, safeName);
/** A queue that files may be put into. Others may exist from before there was that rule, and can be emptied. */
export const isSendQueue = (name: string): boolean => isQueueName(name) && passes(name, checkQueue);
const oldQueue = text("name", "a queue name: letters, digits, space, dot, dash, underscore", isQueueName);

// Who has a setting: commands by name where it is theirs alone, by kind where all of that kind have it.
const ALL: readonly Command[] = COMMAND_NAMES;
const CONNECTING = commandsOf("client", "operator");
const NETWORKED = commandsOf("server", "client", "operator");
const CLIENTS = commandsOf("client");

/** The same type for each of these commands, where it differs from that of the others. */
const forEach = <T>(commands: readonly Command[], valueType: ValueType<T>): Partial<Record<Command, ValueType<T>>> =>
  Object.fromEntries(commands.map((command) => [command, valueType]));

// What can be seen, so that no two queues look the same: a space at the end would be one more queue.
const SEND_QUEUE =
  "a queue name: visible letters (in Unicode's NFC), digits, dot, dash, underscore, and single spaces inside";

// Who was given an invite has the answer to all that is asked about the server: see ask-when-refused.ts.
const WHERE = "Host of the server, or an invite?";

// Milliseconds. Ten years stand for "longer than anybody means": a bound that catches a typing mistake.
const SECOND = 1_000;
const YEARS = 3_650 * 86_400 * SECOND;

/** The table. Its order is the order of the help and, but for the port of a server, of the questions. */
export const SETTINGS = {
  // Where. Asked for on a terminal, as the program did that this one descends from. Whether such a host exists
  // is found out when it is used; a space or the slash of a URL is a mistake at once.
  host: setting(PLACE, {
    fallback: "localhost",
    on: [...NETWORKED, "invite"],
    help: "address to listen on, or the server's address; its port may stand behind it, as in [::1]:5011",
    ask: { serve: "Host to listen on?", send: WHERE, receive: WHERE },
  }),
  // 0 asks the system for a free port. That means something to who listens only, hence `only` for the clients.
  port: setting(count(0, 65_535), {
    fallback: 5011,
    on: [...NETWORKED, "invite"],
    help: "TCP port; serve takes 0 for any free one",
    only: forEach([...CONNECTING, "invite"], count(1, 65_535)),
    ask: { serve: "Port to listen on?", send: "Port of the server?", receive: "Port of the server?" },
  }),
  // The words by which somebody takes the risk; prompts.ts asks for them when the host is not this machine.
  insecure: setting(toggle, {
    fallback: false,
    on: NETWORKED,
    help: "serve: listen beyond this machine without encryption or tokens; others: send a token there unencrypted",
  }),
  // The protocol's own rule, so that a wrong name is told before a connection is made.
  queue: setting(text("name", SEND_QUEUE, isSendQueue), {
    fallback: "default",
    on: [...CLIENTS, "requeue", "token", "invite"],
    help: "queue to put files in or take them from",
    ask: { guided: "Queue?" },
    only: {
      receive: oldQueue,
      requeue: oldQueue,
      token: text("names", 'queue names with commas between them; "photos-*" and "*" stand for many', arePatterns),
    },
  }),

  // Who is at the other end, and who may come in.
  ...TRUST_SETTINGS,

  // How. The defaults are measured: adr/0063 (buffer), adr/0007 (digest).
  // Every buffer size gives the same files. In the original it decided whether they arrived whole.
  "buffer-size": setting(size(LIMITS.bufferBytesMin, LIMITS.bufferBytesMax), {
    fallback: LIMITS.bufferBytesDefault,
    on: commandsOf("server", "client"),
    help: "most bytes in one data frame of a large file",
    ask: { serve: "Buffer size?", guided: "Buffer size?" },
  }),
  // For serve it is what "stored" promises; for receive, what the folder holds when the server may forget a file.
  durability: setting(oneOf(["fsync", "none"], "kind"), {
    fallback: "fsync",
    on: ["serve", "receive"],
    help: "fsync: survives a power cut before it is acknowledged; none: faster, may lose files",
  }),
  // SHA-256 is for receivers of other makes: every language's standard library can check it.
  digest: optional(oneOf(["blake3", "sha256"], "kind"), {
    unset: "the server's first",
    on: ["send", "watch"],
    help: "digest that proves the content arrived whole",
  }),
  // Time without progress, not time altogether: a large file over a slow link never runs into it.
  retry: setting(duration(0, YEARS), {
    fallback: 60 * SECOND,
    on: CONNECTING,
    help: "keep trying so long after a lost connection; if given, also while no server answers yet; watch without --once: for ever unless given",
  }),
  // For one attempt; how often it is tried is --retry.
  "connect-timeout": setting(duration(100, YEARS), {
    fallback: 10 * SECOND,
    on: CONNECTING,
    help: "how long one attempt to reach the server may take, up to its first word; all of its addresses are tried at once",
  }),

  // serve: the store and its limits. Of these, only the first is looked at by most people; the others have defaults
  // that never refuse an honest sender. A server that runs unattended has exactly the bounds that are written down;
  // what has none is bounded by the disk, and then by a person who is woken at night (adr/0009).
  spool: setting(text("folder", "the path of a folder"), {
    fallback: "./spool",
    on: ["serve", "token", "invite"],
    help: "folder that keeps the files until they are collected",
  }),
  // Its bounds, and what watches it: settings-serve.ts.
  ...SERVE_SETTINGS,

  // send: the same file, unchanged, to the same queue is the same transfer, unless somebody says otherwise.
  again: setting(toggle, {
    fallback: false,
    on: ["send"],
    help: "store a new copy even if this very file was stored before",
  }),

  // A pipe has no name. Whether this one may land is the rule of names that server and receiver follow as well.
  name: optional(text("name", "a file name", isFileName), {
    on: ["send"],
    help: "name of what is read from standard input, where - is among the files",
    unset: "stdin",
  }),

  // watch: which files, when, and what then.
  ...WATCH_SETTINGS,

  // receive: where to, what about names that are taken, and when to stop.
  out: setting(text("folder", "the path of a folder"), {
    fallback: ".",
    on: ["receive"],
    help: "folder to put the files in",
    ask: { receive: "Folder to put the files in?" },
  }),
  // "-" is what Unix programs call standard output. A program that reads it must not find sentences in it: see receive-output.ts.
  output: optional(text("path", "the path of a file, or - for standard output"), {
    on: ["receive"],
    help: "put one file under exactly this name; -: write contents to stdout, and messages to stderr",
    unset: "the sender's name, in --out",
  }),
  // The path is an argument of the command and never part of its text: see receive-exec.ts.
  exec: optional(text("command", "a shell command, with {} for the path"), {
    on: ["receive"],
    help: "run this for each landed file before it is acked; {} is its absolute path; a failure gives the file back, and is tried again after a pause that grows as long as this run waits for files",
    unset: "nothing",
  }),
  // Refusing is the only default that can lose nothing: the file goes back to its queue.
  "if-exists": setting(oneOf(["refuse", "rename", "overwrite", "skip"], "policy"), {
    fallback: "refuse",
    on: ["receive"],
    help: "what to do when a file of that name is already there: refuse, rename, overwrite or skip",
  }),
  // All, as with a folder: a script that cannot be run any more, or a photo from today, is not what was sent.
  preserve: setting(oneOf(["none", "mode", "time", "all"], "what"), {
    fallback: "all",
    on: ["receive"],
    help: "what a single file keeps of its sender's: mode (never more than the umask allows), time of change, all or none",
  }),
  // A shell, and many a program, obeys a dot file that it finds; whoever sent it should not decide that one is there.
  "allow-dotfiles": setting(toggle, {
    fallback: false,
    on: ["receive"],
    help: 'let names that begin with a dot, such as .bashrc, be as they are; else they get a "_" in front',
  }),
  // Without any of these three, a run takes what is waiting. resolve.ts knows that follow excludes the other two.
  count: optional(count(1, Number.MAX_SAFE_INTEGER), {
    on: ["receive"],
    help: "end after so many files, and wait for them",
    unset: "take what is waiting",
  }),
  // With the server's own queue as the memory, a follower may be killed and started at any time.
  follow: setting(toggle, { fallback: false, on: ["receive"], help: "never end: take files as they arrive" }),
  // 0 is allowed and means what leaving it out means: look once. For send it is about receipts, and a flag only: a
  // variable that is meant for receivers must not make senders wait.
  wait: optional(duration(0, YEARS), {
    on: ["send", "receive"],
    help: "receive: end when nothing has arrived for so long; send: wait so long for all files to be collected",
    unset: "do not wait",
    only: { send: orUnlimited(duration(0, YEARS), "forever") },
    flagOnly: ["send"],
  }),

  // Operators: how much an order is about. Flags only, because a purge that a forgotten variable widens is no purge
  // that anybody asked for.
  all: setting(toggle, {
    fallback: false,
    on: ["requeue"],
    flagOnly: ["requeue"],
    help: "all dead letters of --queue",
  }),
  dead: setting(toggle, { fallback: false, on: ["purge"], flagOnly: ["purge"], help: "only the dead letters" }),

  // What is said, and whether anything is asked.
  // stdout belongs to a program then: no question, no sentence, nothing but objects.
  json: setting(toggle, { fallback: false, on: ALL, help: "one JSON object per line on stdout, for programs" }),
  // For cron, which mails whatever is printed: silence is success.
  quiet: setting(toggle, { fallback: false, on: ALL, help: "print nothing but errors" }),
  // For the person who wants to know why; FILESPOOL_DEBUG adds the stack traces alone.
  verbose: setting(toggle, { fallback: false, on: ALL, help: "print more, and stack traces of errors" }),
  // Two names for one thing: --yes is what people type, --no-input what scripts for other tools use.
  yes: setting(toggle, { fallback: false, on: ALL, help: "ask nothing: take the defaults" }),
  "no-input": setting(toggle, { fallback: false, on: ALL, help: "ask nothing: the same as --yes" }),
};

/** The name of a setting, which is the key of its row. */
export type SettingName = keyof typeof SETTINGS;

/** All of them, in the order of the table. */
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The resolved values: what each command is started with. */
export type Values = {
  readonly [K in SettingName]: (typeof SETTINGS)[K] extends Setting<infer T, infer D> ? T | D : never;
};

/** A row seen through its interface alone, for code that treats all settings alike. */
export const settingOf = (name: SettingName): Setting<unknown, unknown> =>
  SETTINGS[name] as unknown as Setting<unknown, unknown>;

/** What one command takes for a setting. */
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

/** The default as the help and the prompts show it; null where there is none to speak of (a switch). */
export function shownFallback(name: SettingName): string | null {
  const { fallback, show, argument, unset } = settingOf(name);
  if (unset !== undefined) return unset;
  return argument === null ? null : show(fallback);
}
