/**
 * Where the program runs, when it is not Node: said before something breaks that nobody could explain.
 *
 * Under Deno a package of ours cannot be loaded: the one that locks files (fs-native-extensions 1.5, which asks for a function of
 * libuv that Deno 2.9 does not have), and Deno ends by the loader's own words. A server locks its spool, a receiver its journal, a
 * watcher its memory of what it has sent, and whoever makes tokens locks their file. Senders and operators lock nothing. What was tried where, by a script:
 * `npm run where-it-runs`, and the page "Where it runs". Old versions of Node: filespool.cts.
 */
import { COMMANDS } from "./commands/table.ts";
import { RuntimeError } from "./exit-codes.ts";
import type { Command } from "./settings/command-names.ts";

/** Those that lock a file. */
const LOCKING: ReadonlySet<Command> = new Set(["serve", "receive", "watch", "invite", "token"]);

/** @throws RuntimeError for a command that cannot run here, with those that can */
export function checkRuntime(command: Command, runtime: object = globalThis): void {
  if (!("Deno" in runtime) || !LOCKING.has(command)) return;
  const others = (Object.keys(COMMANDS) as Command[]).filter((name) => !LOCKING.has(name));
  throw new RuntimeError(
    `${command} needs Node, since Deno cannot lock files with fs-native-extensions; under Deno there are ${others.join(", ")}`,
  );
}
