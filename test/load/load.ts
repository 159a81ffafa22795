/**
 * Load and limits: `npm run load` holds a real server to its bounds, prints what it measured and writes it as JSON.
 *
 *   --connections 1000   of which four fifths are idle, a tenth slow, the rest at work
 *   --transfers 200      uploads at a time, and how evenly they get on
 *   --receivers 1000     that give no verdict: memory for those who read what they get, and for those who do not
 *   --files 100000       waiting in one queue: memory, and the time of a restart; given twice, both are tried
 *   --queues 1000000     with a file each: what they cost a server that has nothing to do with them
 *   --out FILE           where the JSON goes; without it none is written
 *
 * 0 leaves a part out.
 * Figures are of this machine and this run. What fails the run are broken promises, never a slow machine: a file that
 * is lost, memory over its bound, a refusal with the wrong code.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LIMITS } from "../../src/protocol/limits.ts";
import { helpIfAsked } from "../support/help.ts";
import { machine } from "../support/machine.ts";
import { manyConnections } from "./connections.ts";
import { deepQueue } from "./deep-queue.ts";
import { manyQueues } from "./many-queues.ts";
import { silentReceivers } from "./receivers.ts";
import { manyTransfers } from "./transfers.ts";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "1000" },
    transfers: { type: "string", default: "200" },
    receivers: { type: "string", default: "1000" },
    files: { type: "string", multiple: true, default: ["100000"] },
    queues: { type: "string", default: "1000000" },
    out: { type: "string" },
  },
});

/** More than a server hands out at a time. */
const HELD_FILES = LIMITS.unsettledFilesMax + 1024;

const folder = mkdtempSync(join(tmpdir(), "filespool-load-"));
const results: Record<string, unknown> = { ...machine(folder) };

/** One part of the run, in a folder of its own. */
async function part(title: string, work: (folder: string) => Promise<Record<string, unknown>>): Promise<void> {
  console.log(`\n${title}`);
  const own = mkdtempSync(join(folder, "part-"));
  const result = await work(own);
  for (const [key, value] of Object.entries(result)) console.log(`  ${key.padEnd(28)} ${JSON.stringify(value)}`);
  results[title] = result;
  rmSync(own, { recursive: true, force: true });
}

try {
  const connections = Number(values.connections);
  if (connections > 0) await part(`${connections} connections`, (own) => manyConnections(own, connections));
  const transfers = Number(values.transfers);
  if (transfers > 0) await part(`${transfers} transfers at a time`, (own) => manyTransfers(own, transfers));
  const receivers = Number(values.receivers);
  const kinds =
    receivers > 0
      ? ([
          ["read", true],
          ["do not read", false],
        ] as const)
      : [];
  for (const [how, isReading] of kinds)
    await part(`${receivers} receivers without a verdict that ${how}`, (own) =>
      silentReceivers(own, receivers, HELD_FILES, isReading),
    );
  for (const files of values.files.map(Number))
    if (files > 0) await part(`${files} files in a queue`, (own) => deepQueue(own, files));
  const queues = Number(values.queues);
  if (queues > 0) await part(`${queues} queues`, (own) => manyQueues(own, queues));
  if (values.out) writeFileSync(values.out, `${JSON.stringify(results, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
