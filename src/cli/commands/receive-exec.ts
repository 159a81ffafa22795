/**
 * `receive --exec 'command {}'`: a command for each landed file, before the server may forget the file.
 *
 * The path is never a part of the command's text. `{}` becomes `"$1"`, and the path is that argument. So for the shell, a
 * file called `; rm -rf ~` is only a file name:
 *
 *   --exec 'convert {} thumbs/'     sh -c 'convert "$1" thumbs/' sh /home/alice/inbox/photo.jpg
 *
 * The path is absolute and begins with "/", so no command takes a file called "--output=x" for an option. Write {} without
 * quotes; they are there already. The environment has FILESPOOL_PATH, _NAME, _TRANSFER, _DIGEST and _QUEUE. It does not
 * have our secrets: a command for files needs no token, and might write its environment into a log. An exit code other
 * than 0 makes the delivery a failed attempt, and the next file waits (net/extensions/hook/hook-backoff.ts).
 */
import { spawn } from "node:child_process";
import { describe } from "../../disk/system-errors.ts";
import type { LandedFile } from "../../net/options.ts";
import { FilespoolError } from "../../protocol/errors.ts";

/** Errors that say that the machine is short of something at the moment. */
const BUSY = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"]);

import { SETTING_NAMES, settingOf, variableOf } from "../settings/settings.ts";

/** Time between SIGTERM and SIGKILL for a command, ms. */
const KILL_AFTER_MS = 3000;

/** The variables that hold our secrets, from the table of settings. */
const SECRETS: ReadonlySet<string> = new Set(SETTING_NAMES.filter((name) => settingOf(name).secret).map(variableOf));

/**
 * @param env the environment of the command; our secrets are removed from it
 * @param quietStdout stdout holds something else (`--json`, `--output -`), so the output of the command goes to stderr
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
      // A process group of its own, so that all processes of the command end together.
      const child = spawn("sh", ["-c", script, "sh", path], {
        env: { ...kept, ...added },
        stdio: ["ignore", quietStdout ? 2 : 1, 2],
        detached: true,
      });
      // Signals the whole group: the shell may wait for a child, which would otherwise stay behind.
      const stop = (how: NodeJS.Signals) => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, how);
        } catch {} // it has already ended
      };
      // First SIGTERM, later SIGKILL. A second Ctrl-C ends this program without waiting.
      let timer: NodeJS.Timeout | undefined;
      const interrupt = () => {
        stop("SIGTERM");
        timer = setTimeout(() => stop("SIGKILL"), KILL_AFTER_MS);
      };
      signal.addEventListener("abort", interrupt, { once: true });
      if (signal.aborted) interrupt(); // no event comes any more
      const end = (failure?: string) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", interrupt);
        if (failure === undefined) resolve();
        else reject(new FilespoolError("command-failed", `the command for ${path} ${failure}`));
      };
      child.on("error", (error: NodeJS.ErrnoException) => {
        if (!BUSY.has(error.code ?? "")) return end(`could not be started: ${error.message}`);
        // The file is not at fault: it is tried again, and no attempt is counted.
        signal.removeEventListener("abort", interrupt);
        reject(
          new FilespoolError("connections-full", `the command for ${path} could not be started: ${describe(error)}`),
        );
      });
      // "close" and not "exit": by then all output of the command is out, before the next file begins.
      child.on("close", (code, by) => {
        end(code === 0 ? undefined : by ? `was ended by the signal ${by}` : `ended with exit code ${code}`);
      });
    });
}
