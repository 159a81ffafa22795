/**
 * `filespool watch`: a hot folder, whose files are sent as soon as they are complete.
 *
 * It runs until a signal stops it. It waits forever for a server that is away, unless --retry limits the time. The next run
 * goes on where this one ended: it does not store again what was stored, and sends the rest.
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
import { connectionOf, isEncrypted } from "../credentials/client.ts";
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
    throw new UsageError(`${origins.after.label} is move, so a folder is needed: add --moved-to FOLDER`);
  if (after !== "move" && origins["moved-to"].kind === "flag")
    throw new UsageError(`--moved-to needs --after move, but --after is ${after}`);
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
  report.talksTo(host, port, { isEncrypted: isEncrypted(settings.values) });
  const startMs = now();
  const state = stateFolder(env);
  if (state === null)
    throw new UsageError(
      "watch notes in the home folder which files were sent, but there is none; set FILESPOOL_STATE to a folder",
    );
  // Without a lasting key, a file could be sent twice after a crash, so this is a warning and not a remark.
  const key = await senderKey(state, report.warn);
  /** Only the first failure, for the exit code. */
  const failures: FilespoolError[] = [];
  const quieter = new Quieter();
  const summary = await watchFolder({
    ...(await connectionOf(settings)),
    ...{ folder, queue, after, once, state },
    ...(digest !== undefined && { digest }),
    senderKey: key,
    settleMs: settle,
    bufferBytes: settings.values["buffer-size"],
    // Left out and not undefined: for the library, a missing key means "not given".
    ...(match !== undefined && { match }),
    ...(ignore !== undefined && { ignore }),
    ...(movedTo !== undefined && { movedTo }),
    // With --once it is as patient as `send`; without, it waits forever.
    ...((once || isPatient) && { retryMs: retry, connectRetryMs: isPatient ? retry : 0 }),
    // Both signals end it in order: stored files are moved or deleted, and the rest waits for the next run.
    signal: AbortSignal.any([interrupt, terminate]),
    onWarning: report.warn,
    onEvent: (event) => {
      // Only the first decides the exit code; a run of months must not keep them all.
      if (event.event === "refused" && failures.length === 0)
        failures.push(new FilespoolError(event.code, event.message));
      if (quieter.wants(event) || settings.values.json) report.transfer(event);
    },
  });
  const { stored, repeated, bytes, failed, kept } = summary;
  let sentence = line`Done: ${counted(stored, "file")} stored`;
  if (repeated > 0) sentence += `, ${repeated} already stored`;
  if (kept > 0) sentence += `, ${kept} of them not moved or deleted`;
  if (failed > 0) sentence += `, ${failed} failed`;
  report.done(
    { stored, repeated, bytes, failed, kept },
    `${sentence}; ${humanSize(bytes)} in ${humanDuration(now() - startMs)}.`,
  );
  // After Ctrl-C a shell's loop must end as well. A service that SIGTERM stopped has done its work.
  if (interrupt.aborted) return EXIT.interrupted;
  const [first] = failures;
  if (first === undefined || !once || terminate.aborted) return EXIT.done;
  report.failures(failures);
  return exitCodeOf(first);
}

/**
 * Shows people only some of the attempts to connect: a server may be away for a weekend, which means thousands of them. The
 * first three are shown, and then fewer and fewer. Programs get all of them.
 */
export class Quieter {
  /** Attempts since the last connection. */
  #tries = 0;

  /** Whether to show this event to people. */
  wants(event: TransferEvent): boolean {
    if (event.event === "connected") this.#tries = 0;
    if (event.event !== "retrying") return true;
    this.#tries++;
    return this.#tries <= 3 || Math.log2(this.#tries) % 1 === 0;
  }
}
