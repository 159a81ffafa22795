/** Scenarios of the real programs: a server under trace while others send and collect, and a receiver under trace. */
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Program } from "../crash/program.ts";
import { builtMain } from "../support/built.ts";
import { contentOf } from "./check-spool.ts";
import type { Said } from "./facts.ts";
import { type Run, type Scenario, type Skipped, skipping } from "./scenarios.ts";
import { type Step, startTraced, stringsIn } from "./trace.ts";

/** Empty, small ones that share a commit, and ones that get a file of their own; named after their content. */
const SIZES = [0, 1, 700, 4096, 30_000, 65_536, 65_537, 120_000, 350_000];

function writeFiles(folder: string, from: number, copies = 1): string[] {
  mkdirSync(folder, { recursive: true });
  const sizes = Array.from({ length: copies }, () => SIZES).flat();
  return sizes.map((size, index) => {
    const name = `${from + index}-${size}`;
    writeFileSync(join(folder, name), contentOf(name));
    return join(folder, name);
  });
}

async function run(kind: "sender" | "receiver", words: readonly string[], folder: string): Promise<void> {
  const program = new Program(kind, [...words], folder, "", false, () => {});
  const ending = await program.ended;
  if (ending !== 0) throw new Error(`the ${kind} ended with ${ending}: ${program.stderr}`);
}

/** Ends the Node that strace started; strace itself would only let go of it. */
function endTraced(pid: number): void {
  const [node] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  process.kill(Number(node), "SIGTERM");
}

/** Files come in on two connections to two queues and go out again, some of them at the same time. */
async function serve({ root, traceFile, work }: Run, skips: Skipped): Promise<void> {
  const bare = ["--port", "0", "--min-free-disk", "0"]; // no reserve: megabytes of nothing in every image
  const words = [builtMain(), "serve", "--json", "--yes", ...bare, "--spool", join(root, "srv/spool")];
  const traced = startTraced(traceFile, [...skipping(skips).words, ...words], { HOME: work, ...skipping(skips).env });
  const lines = createInterface({ input: traced.stdout as NonNullable<typeof traced.stdout> });
  const closed = once(traced, "close");
  const [line] = (await once(lines, "line")) as [string];
  const port = String((JSON.parse(line) as { port: number }).port);
  const send = (files: string[], queue: string) =>
    run("sender", ["--port", port, "--queue", queue, "--", ...files], work);
  const receive = (queue: string) =>
    run("receiver", ["--port", port, "--queue", queue, "--count", "6", "--out", join(work, `out ${queue}`)], work);
  await Promise.all([send(writeFiles(join(work, "in"), 1), "a"), send(writeFiles(join(work, "in"), 100), "b")]);
  await Promise.all([receive("a"), send(writeFiles(join(work, "in"), 200), "b")]);
  await receive("b");
  endTraced(traced.pid as number);
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`the traced server ended with ${code}`);
}

/** Everything that is said in a trace, from the first line to the last. */
const saidIn = (steps: readonly Step[]): Said[] =>
  steps
    .filter(({ edge, call }) => edge === "start" && /^write/.test(call.name) && /^1</.test(call.args))
    .flatMap(({ call }) => Buffer.concat(stringsIn(call)).toString().split("\n"))
    .filter((line) => line.startsWith('{"event"'))
    .map((line) => JSON.parse(line) as Said);

export const serverScenario = (name: string, skips: Skipped = ""): Scenario => ({
  name,
  kind: "spool",
  below: "srv/spool",
  run: (run) => serve(run, skips),
  // Nobody is told when the server begins with a transfer, so each may be there, whole, from the start.
  prepare: (steps) =>
    saidIn(steps)
      .filter(({ event }) => event === "stored")
      .flatMap((said) => [
        { ...said, event: "offering" },
        { ...said, event: "finishing" },
      ]),
  // The files of a queue come in on one connection, so they have to stay in the order in which they were stored.
  translate: (said) => {
    if (said.event === "stored") return [{ ...said, event: "finishing" }, said];
    if (said.event === "delivered") return [{ ...said, event: "acking" }];
    return said.event === "acked" ? [said] : [];
  },
});

/** Collects what is waiting into a folder that is not there yet, and whose parent is not there either. */
async function collect({ root, traceFile, work }: Run, policy: string, skips: Skipped): Promise<void> {
  let heard = () => {};
  const server = new Program("server", ["--port", "0", "--spool", join(work, "spool")], work, "", false, () => heard());
  try {
    await new Promise<void>((resolve, reject) => {
      heard = () => {
        if (server.all("listening").length > 0) resolve();
        if (server.isOver) reject(new Error(`the server ended: ${server.stderr}`));
      };
    });
    const port = String(server.all("listening")[0]?.port);
    await run("sender", ["--port", port, "--", ...writeFiles(join(work, "in"), 1, 2)], work);
    const words = [builtMain(), "receive", "--json", "--yes", "--port", port, "--if-exists", policy];
    const all = [...skipping(skips).words, ...words, "--out", join(root, "new/inbox")];
    const traced = startTraced(traceFile, all, { HOME: work, ...skipping(skips).env });
    traced.stdout?.resume();
    const [code] = (await once(traced, "close")) as [number | null];
    if (code !== 0) throw new Error(`the traced receiver ended with ${code}`);
  } finally {
    server.kill();
    await server.ended;
  }
}

export const receiverScenario = (name: string, policy: "refuse" | "overwrite", skips: Skipped = ""): Scenario => ({
  name,
  kind: "folder",
  below: "new/inbox",
  run: (run) => collect(run, policy, skips),
  prepare: (steps) =>
    saidIn(steps)
      .filter(({ event }) => event === "landed")
      .map((said) => ({ ...said, event: "offering" })),
  translate: (said) => (said.event === "landed" ? [said] : []),
});
