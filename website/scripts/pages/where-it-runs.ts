/** Where it runs: what a script found when it tried the built command on other runtimes and file systems. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { cell, join, type Page, table } from "../markdown.ts";

const SCRIPT = "scripts/where-it-runs.ts";
const RESULTS = "benchmarks/results/where-it-runs.json";

interface Results {
  readonly rows: readonly {
    readonly what: "runtime" | "spool" | "target";
    readonly name: string;
    readonly version: string;
    readonly result: string;
    readonly note: string;
    readonly date: string;
    readonly revision: string;
    readonly kernel: string;
  }[];
}

export function whereItRunsPage(): Page {
  const text = readFileSync(resolve(__dirname, "../../..", RESULTS), "utf8");
  const { rows } = JSON.parse(text) as Results;
  const tableOf = (what: Results["rows"][number]["what"]) =>
    table(
      ["Where", "Version", "Result", "Remark", "Tried"],
      rows
        .filter((row) => row.what === what)
        .map((row) => [row.name, row.version, row.result, row.note, `${row.date}, ${row.revision}`].map(cell)),
    );
  const about = `The same conversation was held everywhere: serve, send a small file, a large one and a folder, kill the server in the middle of the large one, start it again, let the sender go on, receive, and compare every byte. By \`npm run where-it-runs\`, on Linux ${[...new Set(rows.map((row) => row.kernel))].join(", ")}; it is no part of the checks that run for each change. On other systems than Linux nothing was tried.`;
  return {
    name: "where-it-runs",
    title: "Where it runs",
    about: "Releases of Node, Bun and Deno, another processor, and file systems: what was tried, and what came of it.",
    from: [SCRIPT, RESULTS],
    body: join(
      about,
      "## What runs it",
      tableOf("runtime"),
      "A command that cannot run says so in a sentence, with exit code 7.",
      "## Where the spool may be",
      tableOf("spool"),
      "## Where files may land",
      tableOf("target"),
    ),
  };
}
