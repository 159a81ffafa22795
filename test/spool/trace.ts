/**
 * Reads a trace of system calls and finds the moments at which something was said to be stored that was not.
 *
 * A write counts as on disk when an fsync or fdatasync of the same file has begun after the write ended, and has ended
 * well; or when the file was opened with O_DSYNC. Both ends of a call count, because threads overlap.
 */
interface Call {
  readonly name: string;
  /** What came after the "(" and before the result. */
  readonly args: string;
  readonly result: string;
  readonly startLine: number;
  readonly endLine: number;
}

export const TRACED = ["openat", "write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync"];

export function parseTrace(text: string): Call[] {
  const calls: Call[] = [];
  const begun = new Map<string, { name: string; args: string; line: number }>();
  for (const [line, entry] of text.split("\n").entries()) {
    const whole = /^(\d+) +(\w+)\((.*)\) += (.*)$/.exec(entry);
    const start = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/.exec(entry);
    const end = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (.*)$/.exec(entry);
    if (whole) {
      const [, , name, args, result] = whole as unknown as [string, string, string, string, string];
      calls.push({ name, args, result, startLine: line, endLine: line });
    } else if (start) {
      const [, thread, name, args] = start as unknown as [string, string, string, string];
      begun.set(thread, { name, args, line });
    } else if (end) {
      const [, thread, name, args, result] = end as unknown as [string, string, string, string, string];
      const first = begun.get(thread);
      if (first?.name !== name) throw new Error(`line ${line + 1} of the trace ends a call that did not begin`);
      calls.push({ name, args: first.args + args, result, startLine: first.line, endLine: line });
    }
  }
  return calls.sort((a, b) => a.startLine - b.startLine);
}

/** Descriptor and path of `28</spool/index.mdb>` at the start of the arguments. */
function fileOf({ args }: Call): { fd: number; path: string } {
  const [, fd, path] = /^(\d+)<([^>]*)>/.exec(args) ?? [];
  return { fd: Number(fd), path: path ?? "" };
}

/**
 * What was not on disk when it was said to be stored, one sentence each.
 * @param folder the spool; only what is in there counts
 */
export function brokenPromises(calls: readonly Call[], folder: string): { said: number; broken: string[] } {
  const broken = new Set<string>();
  const writes: { path: string; call: Call; isSynced: boolean }[] = [];
  const dataSynced = new Set<number>();
  let said = 0;
  const isCovered = (path: string, since: number, before: number): boolean =>
    calls.some(
      (call) =>
        /^f(data)?sync$/.test(call.name) &&
        /^0\b/.test(call.result) &&
        fileOf(call).path === path &&
        call.startLine > since &&
        call.endLine < before,
    );
  for (const call of calls) {
    const { fd, path } = fileOf(call);
    if (call.name === "openat") {
      const opened = Number.parseInt(call.result, 10);
      if (/\bO_D?SYNC\b/.test(call.args)) dataSynced.add(opened);
      else dataSynced.delete(opened);
      // The name of a new file is in its folder, and has to be synced like its content.
      const name = /"([^"]*)", [^"]*O_CREAT/.exec(call.args)?.[1] ?? "";
      if (opened >= 0 && name.startsWith(`${folder}/data/`))
        writes.push({ path: `${folder}/data`, call, isSynced: false });
    } else if (/write/.test(call.name) && fd === 2 && call.args.includes('"stored')) {
      said++;
      for (const { path: file, call: write, isSynced } of writes) {
        if (write.startLine > call.startLine) continue;
        const isOnDisk = isSynced ? write.endLine < call.startLine : isCovered(file, write.endLine, call.startLine);
        if (!isOnDisk)
          broken.add(`${file.slice(folder.length)} was not synced when "stored" was said for the ${said}.`);
      }
    } else if (/write/.test(call.name) && path.startsWith(`${folder}/`) && !/(lock|reserve)$/.test(path)) {
      // An entry must not be committed before the content that it points to. LMDB's commit is its write with O_DSYNC.
      const isCommit = dataSynced.has(fd);
      for (const { path: file, call: write } of isCommit ? writes : [])
        if (file.startsWith(`${folder}/data`) && !isCovered(file, write.endLine, call.startLine))
          broken.add(`${file.slice(folder.length)} was not synced when the index was committed`);
      writes.push({ path, call, isSynced: isCommit });
    }
  }
  return { said, broken: [...broken] };
}
