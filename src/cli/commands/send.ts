/**
 * `filespool send`: puts files into a queue.
 *
 * One file that cannot be read does not keep the others back: it is named, the others are sent, and the exit
 * code is that of the first failure. Running the same command again continues where this run ended, because
 * transfer ids derive from the sender key of this user (send-key.ts) and not from this run: adr/0011.
 *
 *   killed, and run again       continues where the server says that it is
 *   stored meanwhile            says so, and stores no second copy; --again stores one
 *   changed meanwhile           is another file, and another transfer
 *
 * With `--wait` the run goes on until every file was collected, or the time is over: then it names those that are
 * outstanding, with exit code 5. They stay stored; `filespool status` tells later what became of them (adr/0039).
 *
 * Never here: how a file is sent (net/sender/sender.ts), and what the events look like (event-text.ts).
 */
import { stat } from "node:fs/promises";
import type { TransferEvent } from "../../net/events.ts";
import { type ReceiptSummary, receipts } from "../../net/extensions/operate/receipts.ts";
import type { StreamSource } from "../../net/options.ts";
import { send as sendFiles } from "../../net/send.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { connectionOf } from "../credentials/client.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { counted, line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { isGiven, type Settings } from "../settings/origins.ts";
import { exactDuration, humanDuration, humanSize } from "../settings/units.ts";

/** What the clients need besides their settings. */
export interface Run {
  /** Ends the run. What was reported stored is stored; the rest is continued by the next run. */
  readonly signal: AbortSignal;
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
}

/**
 * Sends files, and tells what became of each.
 * @param settings host, port, queue, buffer-size, digest, again, retry
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
  report.talksTo(host, port);
  report.expects({ files: files.length, bytes: () => bytesOf(files) });
  // Before the address is known to be right: time that a person waits is time, whatever for.
  const startMs = now();
  const connection = await connectionOf(settings);
  // A server that is not there is a typing mistake more often than a restart, so that is said at once,
  // unless somebody asked for patience.
  const connectRetryMs = isGiven(settings, "retry") ? retry : 0;
  const transfers: string[] = [];
  // Ids are kept only with --wait: a run of a million files should not remember each of them for nothing.
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
  // The sentence for people and the counts for programs say the same; `repeated` is apart from `stored`, because
  // "nothing was sent" and "it is there" are both true of it.
  const tookMs = now() - startMs;
  let sentence = `Done: ${counted(stored, "file")} stored`;
  if (repeated > 0) sentence += `, ${repeated} stored before`;
  if (failures.length > 0) sentence += `, ${failures.length} failed`;
  sentence += `; ${humanSize(bytes)} in ${humanDuration(tookMs)}.`;
  if (wait === undefined || transfers.length === 0) {
    report.done({ stored, repeated, bytes, failed: failures.length }, sentence);
  } else {
    report.say(sentence);
    const time = wait === Infinity ? "for as long as it takes" : `for up to ${exactDuration(wait)}`;
    report.say(`Waiting ${time} until they are collected; Ctrl-C ends the waiting, and nothing else.`);
    const receipt = await receipts({
      ...connection,
      // It was there a moment ago, so an address that leads nowhere is no mistake of the person's any more.
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
  // People have read about each failure when it happened. What is left is the code, and a word for programs.
  const [first] = failures;
  if (first === undefined) return EXIT.done;
  report.failures(failures);
  return exitCodeOf(first);
}

/** Names are enough for a sentence; each of them had a line of its own. */
const NAMED_MAX = 5;

/**
 * What nobody has collected in time. Its own error and exit code: the files are stored and safe, which is neither
 * success nor loss.
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

/** Files that are looked at together: enough to be quick, few enough to be no burden beside the transfer. */
const LOOKS_MAX = 32;

/** Bytes of all files, for a share of the whole; null when some of them have no size before they end. */
async function bytesOf(sources: readonly (string | StreamSource)[]): Promise<number | null> {
  const paths = sources.filter((source) => typeof source === "string");
  if (paths.length < sources.length) return null;
  let bytes = 0;
  for (let at = 0; at < paths.length; at += LOOKS_MAX) {
    // One that is not there has no bytes to send; that it fails is told when it is its turn.
    const looks = paths.slice(at, at + LOOKS_MAX).map((path) => stat(path).catch(() => null));
    for (const found of await Promise.all(looks)) {
      if (found !== null && !found.isFile()) return null;
      bytes += found?.size ?? 0;
    }
  }
  return bytes;
}
