/**
 * `filespool receive`: collects files from a queue into a folder.
 *
 * Without `--count`, `--wait` or `--follow` it takes the waiting files and ends. An empty queue is no failure: a script that
 * collects every night must not alarm anybody on a quiet day.
 *
 *   (nothing)              ends when the queue is empty
 *   --wait 30s             ends when nothing has arrived for half a minute
 *   --count 3              waits for three files, then ends
 *   --count 3 --wait 30s   ends at the earlier of the two
 *   --follow               never ends by itself
 *
 * A file that cannot land, for example because its name exists, stays in the queue for other receivers. The exit code is
 * that of the first such failure. Never here: how a file lands (net/receiver/landing.ts, adr/0016).
 */
import { basename, join } from "node:path";
import type { TransferEvent } from "../../net/events.ts";
import { receive as receiveFiles } from "../../net/receive.ts";
import type { Context } from "../command.ts";
import { connectionOf, isEncrypted } from "../credentials/client.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { counted, line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { isGiven, type Settings } from "../settings/origins.ts";
import { ownPlaces } from "../settings/own-places.ts";
import { exactDuration, humanDuration, humanSize } from "../settings/units.ts";
import { commandHook } from "./receive-exec.ts";
import { targetOf } from "./receive-output.ts";
import type { Run } from "./send.ts";

/** Programs get absolute paths. People see the folder as they typed it. */
function asTyped(event: TransferEvent, out: string): TransferEvent {
  if (event.event !== "landed" || event.skipped || event.path === "-") return event;
  return { ...event, path: join(out, basename(event.path)) };
}

/**
 * Collects files, and prints where each of them is.
 * @param settings host, port, queue, buffer-size, out, if-exists, preserve, allow-dotfiles, durability, count, follow, wait, retry
 * @returns the exit code
 * @throws FilespoolError when the run as a whole failed, such as unreachable or interrupted
 */
export async function receive(
  settings: Settings,
  report: Report,
  { signal, now }: Run,
  { environment, file }: Pick<Context, "environment" | "file">,
): Promise<number> {
  const { host, port, queue, output, exec, json, durability, count, follow, wait, retry } = settings.values;
  const { env, stdout } = environment;
  report.talksTo(host, port, { isEncrypted: isEncrypted(settings.values) });
  // Nobody knows the sizes before the files are delivered.
  if (count !== undefined) report.expects({ files: count, bytes: async () => null });
  // The `finally` below tidies up the target, whatever happens.
  const target = await targetOf(settings, stdout, report);
  // Without this line, a run that waits would look like one that hangs.
  if (follow) report.say(line`Waiting for files in queue "${queue}"; Ctrl-C stops.`);
  const startMs = now();
  const { landed, skipped, bytes, elsewhere, failures } = await receiveFiles({
    ...(await connectionOf(settings)),
    queue,
    durability,
    follow,
    ifExists: settings.values["if-exists"],
    preserve: settings.values.preserve,
    allowDotfiles: settings.values["allow-dotfiles"],
    ownPlaces: ownPlaces(settings, environment, file),
    bufferBytes: settings.values["buffer-size"],
    // Left out and not undefined: for the library, a missing key means "not given".
    ...(count !== undefined && { count }),
    ...(wait !== undefined && { waitMs: wait }),
    ...(exec !== undefined && { onLanded: commandHook(exec, env, json || output === "-") }),
    ...target.options,
    retryMs: retry,
    // As in send.ts: a server that never answered is an error at once, unless --retry was given.
    connectRetryMs: isGiven(settings, "retry") ? retry : 0,
    signal,
    onEvent: (event) => report.transfer(event, (told) => asTyped(told, target.options.out)),
  }).finally(target.end);
  const tookMs = now() - startMs;
  let sentence = line`Done: ${counted(landed, "file")} ${target.shown}`;
  if (skipped > 0) sentence += `, ${skipped} skipped`;
  if (failures.length > 0) sentence += `, ${failures.length} failed`;
  sentence += `; ${humanSize(bytes)} in ${humanDuration(tookMs)}.`;
  // "0 files landed in 3 ms" would leave open whether something went wrong.
  if (landed + skipped + failures.length === 0) {
    sentence =
      wait === undefined
        ? line`Nothing is waiting in queue "${queue}".`
        : line`Nothing arrived in queue "${queue}" for ${exactDuration(wait)}.`;
  }
  // A person who lost a receiving machine and runs this again would otherwise believe that its file is lost.
  if (elsewhere > 0) {
    const have = elsewhere === 1 ? "1 file is" : `${elsewhere} files are`;
    sentence += ` ${have} being delivered to other receivers; what they do not take returns to the queue.`;
  }
  report.done({ landed, skipped, bytes, elsewhere, failed: failures.length }, sentence);
  const [first] = failures;
  if (first === undefined) return EXIT.done;
  report.failures(failures);
  return exitCodeOf(first);
}
