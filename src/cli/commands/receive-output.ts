/**
 * `receive --output PATH`: one file under exactly that name; `--output -`: contents on standard output.
 *
 * What goes to standard output is verified first: small contents in memory, large ones in a folder below $TMPDIR, where a run
 * that was stopped is continued (output-folder.ts). The ack follows when the reader has all of it, so whoever reads never
 * sees a byte that was not proven, and when the reader goes away the file stays in its queue. Folders come out as the archive
 * that they travel as (`| tar x`). Everything that is said goes to stderr meanwhile.
 */
import { lstatSync } from "node:fs";
import { basename, dirname } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe } from "../../disk/system-errors.ts";
import type { ContentSink, ReceiveOptions } from "../../net/options.ts";
import { kindOf } from "../../net/receiver/own-files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { CONFIG_NAME, foldedName, OWN_PREFIX, safeName } from "../../protocol/names.ts";
import { OutputError, UsageError } from "../exit-codes.ts";
import type { DescriptorOutput } from "../report/descriptor-output.ts";
import { line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import type { Settings } from "../settings/origins.ts";
import { OutputFolder } from "./output-folder.ts";

/** Standard output; what a descriptor knows besides is in descriptor-output.ts. */
type Contents = Writable & Partial<Pick<DescriptorOutput, "wasClosed" | "sync">>;

/** Where a run puts its files; `end` tidies up. */
export interface Target {
  /** For the library; they overrule what the settings say. */
  readonly options: Pick<ReceiveOptions, "out"> & Partial<ReceiveOptions>;
  /** For sentences. */
  readonly shown: string;

  readonly end: () => Promise<void>;
}

/**
 * What is refused is refused before anything is connected, so that no file is delivered to a run that cannot take it.
 * @throws UsageError for what does not go together
 */
export async function targetOf(
  { values, origins }: Settings,
  stdout: Contents,
  report: Pick<Report, "aside">,
): Promise<Target> {
  const { out, output, count, follow, wait } = values;
  if (output === undefined) return { options: { out }, shown: out, end: async () => {} };
  if (output === "-" && values.exec !== undefined) throw new UsageError("--exec and --output - exclude each other");
  if (origins.out.kind === "flag") throw new UsageError("--output and --out exclude each other; leave one of them out");
  // One file of those that wait; whoever wants more, or wants to wait, says so.
  const one = follow || count !== undefined ? {} : { count: 1, waitMs: wait ?? 0 };
  if (output === "-") {
    if (stdout.wasClosed)
      throw new UsageError("--output - needs a standard output, and that is closed; > /dev/null throws contents away");
    const folder = new OutputFolder(`${values.host}:${values.port}/${values.queue}`);
    await folder.resume();
    let failure: OutputError | null = null;
    const write: ContentSink["write"] = async (_, content, signal) => {
      failure = await copy(content, { stdout, signal, isSynced: values.durability !== "none" });
      // Nobody's failed attempt: it would fail with each file that waits, until all of them are dead letters.
      if (failure) throw new FilespoolError("interrupted");
    };
    const options = { out: "", sink: { write, folder: () => folder.path() }, unpack: false, ...one };
    const end = async () => {
      const left = await folder.close();
      if (left !== null)
        report.aside(line`What was fetched and not handed on is in ${left}; the same command continues.`);
      if (failure) throw failure;
    };
    return { options, shown: "standard output", end };
  }
  if (follow || (count ?? 1) !== 1)
    throw new UsageError(`--output ${output} takes one file; --follow and --count do not go with it`);
  checkReplaceable(output);
  const options = { out: dirname(output), as: nameIn(output), ...one };
  return { options, shown: output, end: async () => {} };
}

/**
 * Only a plain file is ever replaced, whatever --if-exists says. It is refused here, before anything is connected, because under
 * another policy the file would land beside the device, or be taken off its queue without having been written anywhere.
 * @throws UsageError
 */
function checkReplaceable(output: string): void {
  const stat = lstatSync(output, { throwIfNoEntry: false });
  if (stat === undefined || stat.isFile()) return;
  const hint = stat.isDirectory()
    ? `--out ${output} puts files into it`
    : stat.isSymbolicLink()
      ? "name the file that it leads to"
      : `to write into it: --output - > ${output}`;
  throw new UsageError(`--output ${output} is ${kindOf(stat)}, and no file takes its place; ${hint}`);
}

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
 * Copies a content to standard output.
 * @returns why it could not be written, which ends the run; null: done
 * @throws what the signal says, when the run was told to end
 */
async function copy(
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { stdout, signal, isSynced }: { stdout: Contents; signal: AbortSignal; isSynced: boolean },
): Promise<OutputError | null> {
  try {
    await pipeline(Readable.from(content), stdout, { end: false, signal });
    if (isSynced) stdout.sync?.();
  } catch (error) {
    if (signal.aborted) throw error;
    const isGone = (error as NodeJS.ErrnoException).code === "EPIPE";
    const why = isGone ? "the reader of the output is gone" : `standard output cannot be written: ${describe(error)}`;
    return new OutputError(`${why}; the file stays in its queue`, isGone);
  }
  return null;
}
