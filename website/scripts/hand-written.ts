/** What people wrote for people: the guides of the repository and what is in docs, without what is generated. Paths from the top. */
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

const root = resolve(__dirname, "../..");

export function handWrittenPages(): string[] {
  const words = [
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
    "--",
    ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ":(glob)src/**/README.md"],
    "website/docs",
    "website/src/pages",
  ];
  const paths = execFileSync("git", words, { cwd: root, encoding: "utf8" }).split("\0");
  return [...new Set(paths)].filter((path) => /\.mdx?$/.test(path)).sort();
}
