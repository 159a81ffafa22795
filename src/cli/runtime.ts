/**
 * Refuses commands that the runtime cannot run, before they fail in a way that nobody can explain.
 *
 * Deno cannot load the package that locks files: fs-native-extensions 1.5 needs a function of libuv that Deno 2.9 lacks, and
 * Deno ends with a message of its loader. A server locks its spool, a receiver its journal, `watch` its memory of sent
 * files, and `token` and `invite` the file of tokens. Senders and operators lock nothing. `npm run where-it-runs` tries all
 * of this; the page "Where it runs" shows the results. Old versions of Node: filespool.cts.
 */
import { COMMANDS } from "./commands/table.ts";
import { RuntimeError } from "./exit-codes.ts";
import type { Command } from "./settings/command-names.ts";

/** The commands that lock a file. */
const LOCKING: ReadonlySet<Command> = new Set(["serve", "receive", "watch", "invite", "token"]);

/** @throws RuntimeError for a command that cannot run here; the message names those that can */
export function checkRuntime(command: Command, runtime: object = globalThis): void {
  if (!("Deno" in runtime) || !LOCKING.has(command)) return;
  const others = (Object.keys(COMMANDS) as Command[]).filter((name) => !LOCKING.has(name));
  throw new RuntimeError(
    `${command} needs Node: Deno cannot load fs-native-extensions, which locks files; under Deno you can use ${others.join(", ")}`,
  );
}
