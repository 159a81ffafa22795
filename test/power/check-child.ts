/**
 * Checks images, one per line on standard input, and answers each with a line. A process of its own, because a damaged
 * index may make LMDB read behind the end of its file, which ends the process.
 */
import { createInterface } from "node:readline";
import { checkFolder } from "./check-folder.ts";
import { checkSpool } from "./check-spool.ts";
import type { Expected } from "./facts.ts";

export interface Question {
  readonly kind: "spool" | "folder";
  readonly folder: string;
  readonly expected: readonly Expected[];
}

for await (const line of createInterface({ input: process.stdin })) {
  const { kind, folder, expected } = JSON.parse(line) as Question;
  const broken = await (kind === "spool" ? checkSpool(folder, expected) : checkFolder(folder, expected));
  process.stdout.write(`${JSON.stringify(broken)}\n`);
}
