/**
 * The names of all commands and the kind of each. The table of settings uses them to say which command has which setting.
 *
 * Never here: what a command does (commands/table.ts). This file imports nothing, so settings and commands can both use the
 * names without importing each other.
 */

/** In the order of the help. */
export const COMMAND_NAMES = [
  "serve",
  "send",
  "receive",
  "watch",
  "list",
  "show",
  "status",
  "cancel",
  "requeue",
  "purge",
  "dead",
  "invite",
  "token",
  "completion",
  "config",
] as const;
export type Command = (typeof COMMAND_NAMES)[number];

/**
 * The kind of a command, which decides its settings. A `server` listens, a `client` moves files to or from a server, an
 * `operator` manages one, and a `local` command connects to none.
 */
export type CommandKind = "server" | "client" | "operator" | "local";

export const KINDS: Readonly<Record<Command, CommandKind>> = {
  serve: "server",
  send: "client",
  receive: "client",
  watch: "client",
  list: "operator",
  show: "operator",
  status: "operator",
  cancel: "operator",
  requeue: "operator",
  purge: "operator",
  dead: "operator",
  invite: "local",
  token: "local",
  completion: "local",
  config: "local",
};

/** The commands of the given kinds. */
export const commandsOf = (...kinds: readonly CommandKind[]): Command[] =>
  COMMAND_NAMES.filter((name) => kinds.includes(KINDS[name]));

/** Whether a command resolves settings itself: it accepts the flags of all commands, and no config file is read for it. */
export const inspects = (name: Command): boolean => name === "config";
