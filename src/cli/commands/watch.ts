/**
 * `filespool watch`: a hot folder, whose files are sent as soon as they are complete.
 *
 * It runs until somebody stops it, and waits for a server that is away as long as it takes, unless --retry says for how
 * long. Whatever stops it, the next run goes on: what was stored is not stored again, and the rest is sent.
 *
 *   SIGTERM    the orderly end of a service: exit code 0
 *   SIGINT     Ctrl-C: exit code 130
 *   --once     ends by itself, with the exit code of the first failure, as `send` does
 *
 * Never here: which files are complete, and how they are sent (net/extensions/watch/watch-folder.ts).
 */
import type { TransferEvent } from "../../net/events.ts";
import { watchFolder } from "../../net/extensions/watch/watch-folder.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { connectionOf } from "../credentials/client.ts";
import type { Environment } from "../environment.ts";
import { EXIT, exitCodeOf, UsageError } from "../exit-codes.ts";
import { counted, line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { stateFolder } from "../settings/base-directories.ts";
import { isGiven, type Settings } from "../settings/origins.ts";
import { humanDuration, humanSize } from "../settings/units.ts";
import { senderKey } from "./send-key.ts";

/** @throws UsageError for settings that contradict each other */
export function checkWatch({ values, origins }: Settings): void {
  const { after } = values;
  if (after === "move" && values["moved-to"] === undefined)
    throw new UsageError(`${origins.after.label} says move: add --moved-to FOLDER`);
  if (after !== "move" && origins["moved-to"].kind === "flag")
    throw new UsageError(
      `--moved-to is the folder for --after move, and files are to be ${after === "keep" ? "kept" : "deleted"}`,
    );
}

/**
 * Watches a folder until a signal ends it, or with --once until everything in it was sent.
 * @returns the exit code
 * @throws FilespoolError when the folder is gone, or the run as a whole failed
 */
export async function watch(
  settings: Settings,
  folder: string,
  report: Report,
  { env, now, interrupt, terminate }: Pick<Environment, "env" | "now" | "interrupt" | "terminate">,
): Promise<number> {
  const { host, port, queue, digest, retry, after, settle, match, ignore, once, "moved-to": movedTo } = settings.values;
  const isPatient = isGiven(settings, "retry");
  report.talksTo(host, port);
  const startMs = now();
  const state = stateFolder(env);
  if (state === null)
    throw new UsageError("no home folder to remember in which files were sent; FILESPOOL_STATE names a place");
  // Without a key that lasts, a crash could send a file twice: worth a word on any screen.
  const key = await senderKey(state, report.complain);
  /** The first one, for the exit code. */
  const failures: FilespoolError[] = [];
  const quieter = new Quieter();
  const summary = await watchFolder({
    ...(await connectionOf(settings)),
    ...{ folder, queue, after, once, state },
    ...(digest !== undefined && { digest }),
    senderKey: key,
    settleMs: settle,
    bufferBytes: settings.values["buffer-size"],
    // Left out rather than undefined: the library tells "not said" by the absence of the key.
    ...(match !== undefined && { match }),
    ...(ignore !== undefined && { ignore }),
    ...(movedTo !== undefined && { movedTo }),
    // What ends by itself, for cron, has the patience of `send`; a service waits for ever.
    ...((once || isPatient) && { retryMs: retry, connectRetryMs: isPatient ? retry : 0 }),
    // Either of the two ends it in order: what is stored is put away, and the rest waits for the next run.
    signal: AbortSignal.any([interrupt, terminate]),
    onWarning: report.complain,
    onEvent: (event) => {
      // Only the first decides about the exit code; of a run of months, not all are kept.
      if (event.event === "refused" && failures.length === 0)
        failures.push(new FilespoolError(event.code, event.message));
      if (quieter.wants(event) || settings.values.json) report.transfer(event);
    },
  });
  const { stored, repeated, bytes, failed, kept } = summary;
  let sentence = line`Done: ${counted(stored, "file")} stored`;
  if (repeated > 0) sentence += `, ${repeated} stored before`;
  if (kept > 0) sentence += `, ${kept} of them not put away`;
  if (failed > 0) sentence += `, ${failed} failed`;
  report.done(
    { stored, repeated, bytes, failed, kept },
    `${sentence}; ${humanSize(bytes)} in ${humanDuration(now() - startMs)}.`,
  );
  // Ctrl-C ends a shell's loop as well; a service that was stopped has done its work.
  if (interrupt.aborted) return EXIT.interrupted;
  const [first] = failures;
  if (first === undefined || !once || terminate.aborted) return EXIT.done;
  report.failures(failures);
  return exitCodeOf(first);
}

/**
 * A server that is away over a weekend is tried thousands of times. The first tries are told, and then fewer and fewer;
 * programs hear of each.
 */
export class Quieter {
  /** Since there was a connection. */
  #tries = 0;

  /** Whether people should hear of this one. */
  wants(event: TransferEvent): boolean {
    if (event.event === "connected") this.#tries = 0;
    if (event.event !== "retrying") return true;
    this.#tries++;
    return this.#tries <= 3 || Math.log2(this.#tries) % 1 === 0;
  }
}
