/** What the long commands say when they are asked: the comment at the top of their file, so that it is written once. */
import { readFileSync } from "node:fs";

/** With `--help` on the command line: prints the first comment of the file at `url`, and ends the process. */
export function helpIfAsked(url: string): void {
  if (!process.argv.includes("--help")) return;
  const [, comment = ""] = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(new URL(url), "utf8")) ?? [];
  console.log(comment.replaceAll(/^ \* ?/gm, ""));
  process.exit(0);
}
