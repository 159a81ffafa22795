/**
 * `receive --output PATH`: one file under exactly that name; `--output -`: contents on standard output.
 *
 * Content is verified before it goes to standard output: small content in memory, large content in a folder below $TMPDIR,
 * where the next run continues an interrupted one (output-folder.ts). The ack follows when the reader has everything. So
 * the reader never sees an unverified byte, and if the reader ends early, the file stays in its queue. A folder comes out
 * as the tar archive in which it travels (`| tar x`); a line on stderr says that it is one. All lines go to stderr.
 */
import { lstatSync, type Stats } from "node:fs";
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

/** Standard output, with what descriptor-output.ts adds. */
type Contents = Writable & Partial<Pick<DescriptorOutput, "wasClosed" | "sync">>;

/** Where a run puts its files; `end` tidies up. */
export interface Target {
  /** For the library; they override the settings. */
  readonly options: Pick<ReceiveOptions, "out"> & Partial<ReceiveOptions>;
  /** For sentences about what happened to files: "landed in ./inbox". */
  readonly shown: string;
  readonly end: () => Promise<void>;
}

/**
 * Checks everything before the run connects, so that no file is delivered to a run that cannot take it.
 * @throws UsageError for settings that exclude each other
 */
export async function targetOf(
  { values, origins }: Settings,
  stdout: Contents,
  report: Pick<Report, "aside">,
): Promise<Target> {
  const { out, output, count, follow, wait } = values;
  if (output === undefined) return { options: { out }, shown: `landed in ${out}`, end: async () => {} };
  if (output === "-" && values.exec !== undefined)
    throw new UsageError("--exec and --output - exclude each other; leave one of them out");
  if (origins.out.kind === "flag") throw new UsageError("--output and --out exclude each other; leave one of them out");
  // One waiting file, unless another setting says more.
  const one = follow || count !== undefined ? {} : { count: 1, waitMs: wait ?? 0 };
  if (output === "-") {
    if (stdout.wasClosed)
      throw new UsageError(
        "--output - needs standard output, but it is closed; to discard the content, add > /dev/null",
      );
    const folder = new OutputFolder(`${values.host}:${values.port}/${values.queue}`);
    await folder.resume();
    let failure: OutputError | null = null;
    const write: ContentSink["write"] = async ({ name }, content, signal) => {
      const onArchive = () => report.aside(line`the content of ${name} is a tar archive; to unpack it: | tar x`);
      const told = name.endsWith(".tar") ? content : watched(content, onArchive);
      failure = await copy(told, { stdout, signal, isSynced: values.durability !== "none" });
      // No failed attempt: it would fail again with each waiting file, until all of them are dead letters.
      if (failure) throw new FilespoolError("interrupted");
    };
    const options = { out: "", sink: { write, folder: () => folder.path() }, unpack: false, ...one };
    const end = async () => {
      const left = await folder.close();
      if (left !== null)
        report.aside(line`The part that was not written yet is kept in ${left}; the same command continues.`);
      if (failure) throw failure;
    };
    return { options, shown: "written to standard output", end };
  }
  if (follow || (count ?? 1) !== 1)
    throw new UsageError(`--output ${output} takes only one file: leave out --follow and --count, or use --out FOLDER`);
  checkReplaceable(output);
  const options = { out: dirname(output), as: nameIn(output), ...one };
  return { options, shown: `landed as ${output}`, end: async () => {} };
}

/**
 * Only a plain file may be replaced, whatever --if-exists says. Anything else is refused before the run connects. Otherwise,
 * depending on the policy, the file would land next to the device, or leave its queue without being written anywhere.
 * @throws UsageError
 */
function checkReplaceable(output: string): void {
  const stat = statOf(output);
  if (stat === undefined || stat.isFile()) return;
  const hint = stat.isDirectory()
    ? `to put files into it: --out ${output}`
    : stat.isSymbolicLink()
      ? "name the file to which it leads"
      : `to write into it: --output - > ${output}`;
  throw new UsageError(`--output ${output} is ${kindOf(stat)} and cannot be replaced; ${hint}`);
}

/** @throws FilespoolError folder-unusable where the path leads through a file, say */
function statOf(output: string): Stats | undefined {
  try {
    return lstatSync(output, { throwIfNoEntry: false });
  } catch (error) {
    throw new FilespoolError("folder-unusable", `cannot write ${output}: ${describe(error)}`);
  }
}

/** The name in a path that the person chose: the file must get exactly this name. */
function nameIn(output: string): string {
  const name = basename(output);
  try {
    if (safeName(name) === name) return name;
  } catch {}
  const isOurs = [CONFIG_NAME, OWN_PREFIX].some((ours) => foldedName(name).startsWith(ours));
  const why = isOurs ? "filespool itself reads files of that name" : "not every system allows that file name";
  throw new UsageError(`--output does not accept ${JSON.stringify(output)}: ${why}`);
}

/** Where a tar header has its magic word, and the word. */
const MAGIC = { at: 257, word: "ustar" } as const;

/** The same content, with a call if it begins like a tar archive: a person who sent a folder may expect a file. */
async function* watched(
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  onArchive: () => void,
): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const part of content) {
    const magic = Buffer.from(part.subarray(MAGIC.at, MAGIC.at + MAGIC.word.length)).toString("latin1");
    if (isFirst && magic === MAGIC.word) onArchive();
    isFirst = false;
    yield part;
  }
}

/**
 * Copies a content to standard output.
 * @returns why it could not be written, which ends the run; null when all is written
 * @throws the reason of the signal, when the signal ends the run
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
    const why = isGone ? "the reader of the output has ended" : `cannot write to standard output: ${describe(error)}`;
    return new OutputError(`${why}; the file stays in its queue`, isGone);
  }
  return null;
}
