/**
 * `receive --output PATH`: one file under exactly that name; `--output -`: contents on standard output.
 *
 * For standard output a file lands first, verified, in a private folder; then it is copied, then acked. So whoever reads
 * never sees a byte that was not proven, and when the reader goes away the file is not acked and stays in its queue. Folders
 * come out as the archive that they travel as (`| tar x`). Everything that is said goes to stderr meanwhile.
 */
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TransferEvent } from "../net/events.ts";
import type { LandedFile, ReceiveOptions } from "../net/options.ts";
import { FilespoolError } from "../protocol/errors.ts";
import { CONFIG_NAME, foldedName, OWN_PREFIX, safeName } from "../protocol/names.ts";
import type { Settings } from "./config.ts";
import { UsageError } from "./exit.ts";

/** Where a run puts its files; `end` tidies up. */
export interface Target {
  /** For the library; they overrule what the settings say. */
  readonly options: Pick<ReceiveOptions, "out"> & Partial<ReceiveOptions>;
  /** For sentences. */
  readonly shown: string;
  /** An event as it is told: what is in no folder when the run has ended has no path that anybody could open. */
  readonly told: (event: TransferEvent) => TransferEvent;
  readonly end: () => Promise<void>;
}

/**
 * What is refused is refused before anything is connected, so that no file is delivered to a run that cannot take it.
 * @throws UsageError for what does not go together
 */
export async function targetOf({ values, origins }: Settings, stdout: Writable): Promise<Target> {
  const { out, output, count, follow, wait } = values;
  if (output === undefined) return { options: { out }, shown: out, told: asIs, end: async () => {} };
  if (output === "-" && values.exec !== undefined) throw new UsageError("--exec and --output - exclude each other");
  if (origins.out.kind === "flag") throw new UsageError("--output and --out exclude each other; leave one of them out");
  // One file of those that wait; whoever wants more, or wants to wait, says so.
  const one = follow || count !== undefined ? {} : { count: 1, waitMs: wait ?? 0 };
  if (output === "-") {
    const folder = await mkdtemp(join(tmpdir(), "filespool-output-"));
    // Two files of one name must not stop each other; nobody sees the names.
    const options = { out: folder, ifExists: "rename" as const, unpack: false, ...one };
    const end = () => rm(folder, { recursive: true, force: true });
    const told = (event: TransferEvent) => (event.event === "landed" ? { ...event, path: "-" } : event);
    return { options: { ...options, onLanded: (file) => copy(file, stdout) }, shown: "standard output", told, end };
  }
  if (follow || (count ?? 1) !== 1)
    throw new UsageError(`--output ${output} takes one file; --follow and --count do not go with it`);
  const options = { out: dirname(output), as: nameIn(output), ...one };
  return { options, shown: output, told: asIs, end: async () => {} };
}

const asIs = (event: TransferEvent): TransferEvent => event;

/** The last part of a path that somebody chose here: it must be what lands, to the letter. */
function nameIn(output: string): string {
  const name = basename(output);
  try {
    if (safeName(name) === name) return name;
  } catch {}
  const isOurs = [CONFIG_NAME, OWN_PREFIX].some((ours) => foldedName(name).startsWith(ours));
  const why = isOurs ? "filespool reads files of that name itself" : "a file cannot be called that everywhere";
  throw new UsageError(`--output does not accept ${JSON.stringify(output)}: ${why}`);
}

/**
 * Copies a landed file to standard output, and removes it: what is left in the private folder is what was not copied.
 * @throws FilespoolError interrupted when nobody reads any more, so that this is nobody's failed attempt
 */
async function copy({ path, signal }: LandedFile, stdout: Writable): Promise<void> {
  try {
    await pipeline(createReadStream(path), stdout, { end: false, signal });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EPIPE" || signal.aborted) throw new FilespoolError("interrupted", "the reader of the output is gone");
    throw new FilespoolError("folder-unusable", `cannot write the output: ${message}`);
  }
  await rm(path);
}
