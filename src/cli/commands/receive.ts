/**
 * `filespool receive`: collects files from a queue into a folder.
 *
 * Without `--count`, `--wait` or `--follow` it takes what is waiting and ends. That nothing was waiting is an
 * answer and no failure: a script that collects every night must not alarm anybody on a quiet day.
 *
 *   (nothing)              ends when the queue is empty
 *   --wait 30s             ends when nothing has arrived for half a minute
 *   --count 3              ends after three files, and waits for them
 *   --count 3 --wait 30s   ends when either is the case
 *   --follow               never ends by itself
 *
 * A file that could not land (its name is taken, say) stays in the queue for whoever may take it, and the exit
 * code is that of the first such failure. Never here: how a file lands (net/receiver/landing.ts, adr/0016).
 */
import { basename, join } from "node:path";
import type { TransferEvent } from "../../net/events.ts";
import { receive as receiveFiles } from "../../net/receive.ts";
import type { Context } from "../command.ts";
import { connectionOf } from "../credentials/client.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { counted, line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { isGiven, type Settings } from "../settings/origins.ts";
import { ownPlaces } from "../settings/own-places.ts";
import { exactDuration, humanDuration, humanSize } from "../settings/units.ts";
import { commandHook } from "./receive-exec.ts";
import { targetOf } from "./receive-output.ts";
import type { Run } from "./send.ts";

/** Programs get absolute paths. People see the folder as they typed it, which is shorter and which they know. */
function asTyped(event: TransferEvent, out: string): TransferEvent {
  if (event.event !== "landed" || event.skipped || event.path === "-") return event;
  return { ...event, path: join(out, basename(event.path)) };
}

/**
 * Collects files, and tells where each of them is.
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
  // Without this line, a run that waits could not be told from one that hangs.
  if (follow) report.say(line`Waiting for files in queue "${queue}"; Ctrl-C ends it.`);
  // For errors whose message does not say where: "the server is shutting down" (which one?).
  report.talksTo(host, port);
  // How many bytes they will have, nobody knows before they are delivered.
  if (count !== undefined) report.expects({ files: count, bytes: async () => null });
  // Its end is tidied up whatever happens, hence the `finally` behind the whole run.
  const target = await targetOf(settings, stdout, report);
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
    // Left out rather than undefined: the library tells "not said" by the absence of the key.
    ...(count !== undefined && { count }),
    ...(wait !== undefined && { waitMs: wait }),
    ...(exec !== undefined && { onLanded: commandHook(exec, env, json || output === "-") }),
    ...target.options,
    retryMs: retry,
    // As in send.ts: no patience with a server that never answered, unless it was asked for.
    connectRetryMs: isGiven(settings, "retry") ? retry : 0,
    signal,
    onEvent: (event) => report.transfer(event, (told) => asTyped(told, target.options.out)),
  }).finally(target.end);
  const tookMs = now() - startMs;
  let sentence = line`Done: ${counted(landed, "file")} landed in ${target.shown}`;
  if (skipped > 0) sentence += `, ${skipped} skipped`;
  if (failures.length > 0) sentence += `, ${failures.length} failed`;
  sentence += `; ${humanSize(bytes)} in ${humanDuration(tookMs)}.`;
  // "0 files landed in 3 ms" would be true and would leave the question open whether something went wrong.
  if (landed + skipped + failures.length === 0) {
    const when = wait === undefined ? "Nothing is waiting" : `Nothing has arrived for ${exactDuration(wait)}`;
    sentence = line`${when} in queue "${queue}".`;
  }
  // Whoever ran this again after losing a machine would otherwise believe that the file is lost as well.
  if (elsewhere > 0) {
    const has = elsewhere === 1 ? "is" : "are";
    sentence += ` ${counted(elsewhere, "file")} ${has} with other receivers; what those do not take comes back.`;
  }
  report.done({ landed, skipped, bytes, elsewhere, failed: failures.length }, sentence);
  const [first] = failures;
  if (first === undefined) return EXIT.done;
  report.failures(failures);
  return exitCodeOf(first);
}
