/** A report, and what it writes to its two streams: for tests of what people and programs are told. */
import { Report, type ReportOptions } from "../../src/cli/report/report.ts";

/** A report on two streams that remember what was written. */
export function listen(options: Partial<ReportOptions> & { isTTY?: boolean; columns?: number } = {}) {
  const { isTTY, columns, ...rest } = options;
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    isTTY,
    columns,
    write(text: string) {
      written[name] += text;
    },
  });
  const quiet = { json: false, quiet: false, verbose: false };
  let nowMs = 0;
  const now = () => (nowMs += 1000);
  const report = new Report({ ...quiet, env: {}, now, stdout: stream("stdout"), stderr: stream("stderr"), ...rest });
  return { report, written };
}
