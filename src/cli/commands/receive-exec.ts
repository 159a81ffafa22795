/**
 * `receive --exec 'command {}'`: a command for each landed file, before the server may forget the file.
 *
 * The path is never part of the command's text. `{}` becomes `"$1"`, and the path is handed over as that argument, so that a
 * file called `; rm -rf ~` is a file name to the shell and nothing else:
 *
 *   --exec 'convert {} thumbs/'     sh -c 'convert "$1" thumbs/' sh /home/alice/inbox/photo.jpg
 *
 * It is absolute, so it begins with a "/": a file called "--output=x" is an option to no command. Write {} without quotes
 * around it; the quotes are there already. The same is in the environment: FILESPOOL_PATH, _NAME, _TRANSFER, _DIGEST and
 * _QUEUE. Our own secrets are not: a command that was written for files needs no token, and may well write its environment
 * into a log. An exit code other than 0 makes the delivery a failed attempt, and the next file waits (net/extensions/hook/hook-backoff.ts).
 */
import { spawn } from "node:child_process";
import { describe } from "../../disk/system-errors.ts";
import type { LandedFile } from "../../net/options.ts";
import { FilespoolError } from "../../protocol/errors.ts";

/** What the machine has too little of at the moment. */
const BUSY = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"]);

import { SETTING_NAMES, settingOf, variableOf } from "../settings/settings.ts";

/** How long a command that was asked to stop may take before it is stopped. */
const KILL_AFTER_MS = 3000;

/** The variables that hold a secret of ours, by the table of settings: a new secret is one here by itself. */
const SECRETS: ReadonlySet<string> = new Set(SETTING_NAMES.filter((name) => settingOf(name).secret).map(variableOf));

/**
 * @param env the environment that the command gets besides, without our secrets
 * @param quietStdout stdout belongs to somebody else (`--json`, `--output -`), so the command's goes to stderr
 */
export function commandHook(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  quietStdout: boolean,
): (file: LandedFile) => Promise<void> {
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !SECRETS.has(name)));
  const script = command.replaceAll("{}", '"$1"');
  return ({ path, name, transfer, digest, queue, signal }) =>
    new Promise((resolve, reject) => {
      const facts = { PATH: path, NAME: name, TRANSFER: transfer, DIGEST: digest, QUEUE: queue };
      const added = Object.fromEntries(Object.entries(facts).map(([key, value]) => [`FILESPOOL_${key}`, value]));
      // A group of its own, so that what the command has started ends with it.
      const child = spawn("sh", ["-c", script, "sh", path], {
        env: { ...kept, ...added },
        stdio: ["ignore", quietStdout ? 2 : 1, 2],
        detached: true,
      });
      // To the whole group: the shell may be waiting for a child of its own, and would leave that one behind.
      const stop = (how: NodeJS.Signals) => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, how);
        } catch {} // it has ended meanwhile
      };
      // First asked, then made to. Whoever presses Ctrl-C twice does not even wait for that.
      let timer: NodeJS.Timeout | undefined;
      const interrupt = () => {
        stop("SIGTERM");
        timer = setTimeout(() => stop("SIGKILL"), KILL_AFTER_MS);
      };
      signal.addEventListener("abort", interrupt, { once: true });
      if (signal.aborted) interrupt(); // the event has been and gone
      const end = (failure?: string) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", interrupt);
        if (failure === undefined) resolve();
        else reject(new FilespoolError("command-failed", `the command for ${path} ${failure}`));
      };
      child.on("error", (error: NodeJS.ErrnoException) => {
        if (!BUSY.has(error.code ?? "")) return end(`could not be started: ${error.message}`);
        // No fault of the file: it is taken back and tried again, and no attempt is counted.
        signal.removeEventListener("abort", interrupt);
        reject(
          new FilespoolError("connections-full", `the command for ${path} could not be started: ${describe(error)}`),
        );
      });
      // "close" and not "exit": what it printed is out by then, before anybody speaks about the next file.
      child.on("close", (code, by) => {
        end(code === 0 ? undefined : by ? `was ended by ${by}` : `ended with exit code ${code}`);
      });
    });
}
