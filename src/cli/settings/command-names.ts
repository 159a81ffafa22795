/**
 * The names of all commands, and of which kind each is. By these the table of settings says which command has which.
 *
 * Never here: what a command does, takes and says (commands/table.ts). It imports nothing, so that settings and commands
 * can both know the names without knowing each other.
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
 * Who the command is, seen from a connection: decides which settings it has. A `server` listens, a `client` moves
 * files to or from a server, an `operator` looks after one, and a `local` command knows of no server at all.
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

/** The commands of some kinds, for the settings that they share. */
export const commandsOf = (...kinds: readonly CommandKind[]): Command[] =>
  COMMAND_NAMES.filter((name) => kinds.includes(KINDS[name]));

/** It looks at settings itself: it takes the flags of every command, and the config file is not read for it. */
export const inspects = (name: Command): boolean => name === "config";
