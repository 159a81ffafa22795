/** `npm run docs:console`: compares what `console` blocks say with what happens; with `--write` it corrects the pages. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { checkPage, readPage } from "./console-blocks.ts";
import { handWrittenPages } from "./hand-written.ts";

const isWriting = process.argv.includes("--write");

async function main(): Promise<void> {
  for (const path of handWrittenPages()) {
    const { differences, corrected } = await checkPage(readPage(path));
    for (const { line, command, expected, actual } of differences) {
      console.log(`${path}:${line}: $ ${command}\n  says:\n${expected.join("\n")}\n  prints:\n${actual.join("\n")}\n`);
    }
    if (differences.length === 0) continue;
    if (isWriting) writeFileSync(resolve(__dirname, "../..", path), corrected);
    else process.exitCode = 1;
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
