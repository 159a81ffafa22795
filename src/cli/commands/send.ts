/**
 * `filespool send`: puts files into a queue.
 *
 * If a file cannot be read, the run names it and sends the others. The exit code is that of the first failure. The same
 * command continues an interrupted run, because transfer ids derive from the sender key of this user (send-key.ts) and not
 * from the run: adr/0011. What the next run does with a file that was
 *
 *   partly sent      continues where the server has stopped
 *   stored           says so, and stores no second copy; --again stores one
 *   changed          sends it as another file, in another transfer
 *
 * With `--wait` the run lasts until receivers have collected every file, or until the time is over. Then it names the files
 * that are still there, with exit code 5. They stay stored; `filespool status` shows later what happened to them (adr/0039).
 *
 * Never here: how a file is sent (net/sender/sender.ts), and what the events look like (event-text.ts).
 */
import { stat } from "node:fs/promises";
import type { TransferEvent } from "../../net/events.ts";
import { type ReceiptSummary, receipts } from "../../net/extensions/operate/receipts.ts";
import type { StreamSource } from "../../net/options.ts";
import { send as sendFiles } from "../../net/send.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { connectionOf, isEncrypted } from "../credentials/client.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { counted, line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { isGiven, type Settings } from "../settings/origins.ts";
import { exactDuration, humanDuration, humanSize } from "../settings/units.ts";

/** What clients need besides their settings. */
export interface Run {
  /** Ends the run. What was reported stored is stored; the next run continues with the rest. */
  readonly signal: AbortSignal;
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
}

/**
 * Sends files, and reports the result for each.
 * @param settings host, port, queue, buffer-size, digest, again, retry, wait
 * @param files paths and standard input, in the order in which they are sent
 * @returns the exit code
 * @throws FilespoolError when the run as a whole failed, such as unreachable or interrupted
 */
export async function send(
  settings: Settings,
  files: readonly (string | StreamSource)[],
  senderKey: string,
  report: Report,
  { signal, now }: Run,
): Promise<number> {
  const { host, port, queue, digest, again, retry, wait } = settings.values;
  report.talksTo(host, port, { isEncrypted: isEncrypted(settings.values) });
  report.expects({ files: files.length, bytes: () => bytesOf(files) });
  // The time to connect counts as well, because the person waits for it.
  const startMs = now();
  const connection = await connectionOf(settings);
  // If no server answers, the address is more often mistyped than the server restarting. So that is an error at once, unless
  // --retry was given.
  const connectRetryMs = isGiven(settings, "retry") ? retry : 0;
  const transfers: string[] = [];
  // Ids are kept only for --wait: a run of a million files should not remember each of them for nothing.
  const noted = (event: TransferEvent) => {
    if (event.event === "stored") transfers.push(event.transfer);
    report.transfer(event);
  };
  const { stored, repeated, bytes, failures } = await sendFiles({
    ...connection,
    queue,
    ...(digest !== undefined && { digest }),
    again,
    files,
    senderKey,
    bufferBytes: settings.values["buffer-size"],
    retryMs: retry,
    connectRetryMs,
    signal,
    onEvent: wait === undefined ? report.transfer : noted,
  });
  // The sentence for people and the counts for programs say the same. `repeated` is not a part of `stored`: this run sent
  // nothing of those files.
  const tookMs = now() - startMs;
  let sentence = `Done: ${counted(stored, "file")} stored`;
  if (repeated > 0) sentence += `, ${repeated} already stored`;
  if (failures.length > 0) sentence += `, ${failures.length} failed`;
  sentence += `; ${humanSize(bytes)} in ${humanDuration(tookMs)}.`;
  if (wait === undefined || transfers.length === 0) {
    report.done({ stored, repeated, bytes, failed: failures.length }, sentence);
  } else {
    report.say(sentence);
    const time = wait === Infinity ? "" : ` up to ${exactDuration(wait)}`;
    report.say(`Waiting${time} for receivers to collect them; Ctrl-C stops only the waiting.`);
    const receipt = await receipts({
      ...connection,
      // The server was there a moment ago, so the address is right.
      connectRetryMs: Infinity,
      transfers,
      waitMs: wait,
      signal,
      onEvent: report.transfer,
    });
    failures.push(...receipt.failures);
    const { collected, outstanding } = receipt;
    const counts = { stored, repeated, bytes, collected, outstanding: outstanding.length, failed: failures.length };
    report.done(counts, `${counted(collected, "file")} collected.`);
    if (outstanding.length > 0) return report.fail(uncollected(receipt, wait));
  }
  // People saw each failure when it happened. Programs get one more object, and both get the exit code.
  const [first] = failures;
  if (first === undefined) return EXIT.done;
  report.failures(failures);
  return exitCodeOf(first);
}

/** Most names in the sentence; each file had a line of its own before. */
const NAMED_MAX = 5;

/**
 * The files that nobody has collected in time. An error of its own: the files are stored and safe, which is neither success
 * nor loss.
 */
function uncollected({ collected, outstanding }: ReceiptSummary, waitMs: number): FilespoolError {
  const names = outstanding.slice(0, NAMED_MAX).map(({ name }) => line`${name}`);
  const more = outstanding.length > NAMED_MAX ? ` and ${outstanding.length - NAMED_MAX} more` : "";
  const all = counted(collected + outstanding.length, "file");
  const which = `${names.join(", ")}${more}`;
  return new FilespoolError(
    "uncollected",
    `${outstanding.length} of ${all} not collected within ${exactDuration(waitMs)}: ${which}`,
  );
}

/** Files whose size is read at the same time: enough to be quick, few enough not to slow the transfer. */
const LOOKS_MAX = 32;

/** Bytes of all files, for the share that is done; null when some have no known size. */
async function bytesOf(sources: readonly (string | StreamSource)[]): Promise<number | null> {
  const paths = sources.filter((source) => typeof source === "string");
  if (paths.length < sources.length) return null;
  let bytes = 0;
  for (let at = 0; at < paths.length; at += LOOKS_MAX) {
    // A missing file counts as empty; the error comes when it is its turn.
    const looks = paths.slice(at, at + LOOKS_MAX).map((path) => stat(path).catch(() => null));
    for (const found of await Promise.all(looks)) {
      if (found !== null && !found.isFile()) return null;
      bytes += found?.size ?? 0;
    }
  }
  return bytes;
}
