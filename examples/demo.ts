/**
 * `npm run demo`: files go from a sender through a server to a receiver, and the server is killed on the way.
 *
 * Three real processes on a free port, with a spool in a temporary folder. Nothing here is staged for looks: the
 * kill is a SIGKILL, what is said about it comes from the programs' own events, and at the end every file
 * is read back from disk and compared. The exit code is 0 only if all of that held.
 */
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { resolve } from "../src/cli/settings/resolve.ts";
import { humanSize } from "../src/cli/settings/units.ts";
import { BIG_BYTES, type DemoFile, makeFiles, SEED, sha256Of } from "./demo/files.ts";
import { type Event, Program, stopAll } from "./demo/programs.ts";
import { slowLink } from "./demo/slow-link.ts";
import { column, Stage } from "./demo/stage.ts";

const HELP = `Usage: npm run demo -- [options]

Sends four files through a server that is killed in the middle, and collects them later.

Options:
  --buffer-size <size>  for all three programs, such as 4KiB (default: theirs)
  --minimal             with the three programs of minimal/ instead of the full ones
  --keep                keep the temporary folder, and say where it is
  --help                this text
`;

/** Pace of the link between sender and server: slow enough to watch, fast enough not to bore. */
const LINK_BYTES_PER_SECOND = 32 * 1024 * 1024;

/** Stands for "somebody pressed Ctrl-C" in place of a list of problems. */
const INTERRUPTED: string[] = [];

/** What the person asked for. */
type Options = { keep: boolean; help: boolean; minimal: boolean; bufferSize: string | undefined };

/** The demo itself. @returns what was wrong; an empty list is success */
async function play(stage: Stage, folder: string, { bufferSize, minimal }: Options): Promise<string[]> {
  const problems: string[] = [];
  const expect = (isTrue: boolean, sentence: string) => void (isTrue || problems.push(sentence));
  const buffer = bufferSize === undefined ? [] : ["--buffer-size", bufferSize];
  const start = (who: "server" | "sender" | "receiver", ...words: string[]) =>
    new Program(stage, who, [...words, ...buffer], folder, minimal ? "minimal/main.ts" : "src/cli/main.ts");
  const serve = async (port: number) => {
    const server = start("server", "serve", "--port", String(port), "--spool", join(folder, "spool"));
    return { server, port: (await server.seen("listening", ({ event }) => event === "listening")).port as number };
  };

  stage.step("Four files to send", `Made on the spot from seed ${SEED}; each of them is awkward in its own way.`);
  await mkdir(join(folder, "out"));
  const files = await makeFiles(join(folder, "out"));
  for (const { name, size, why } of files) {
    stage.plain(`   ${column(name, 36)}${humanSize(size).padStart(9)}   ${stage.paint("dim", why)}`);
  }

  stage.step("The server starts", "It keeps files on disk, and listens on a port that was free.");
  const first = await serve(0);
  const link = await slowLink(first.port, LINK_BYTES_PER_SECOND);

  stage.step(
    "The sender starts, over a slow link",
    '"stored" means: on disk, and in the index. "durable" is how much of a file would survive a power cut by now.',
  );
  // The minimal sender has one patience, and no option for it.
  const toServer = ["--port", String(link.port), ...(minimal ? [] : ["--retry", "1m"])];
  const sender = start("sender", "send", ...toServer, ...files.map(({ path }) => path));
  const cut = await sender.seen("progress", (event) => event.event === "progress" && Number(event.offset) < BIG_BYTES);
  const durable = Number(cut.offset);

  stage.step(
    "The server is killed",
    "SIGKILL to the server in the middle of the big file: no goodbye, no cleaning up. The sender notices and tries again.",
  );
  first.server.kill("SIGKILL");
  stage.line("demo", `SIGKILL to the server at ${humanSize(durable)} durable`);
  expect((await first.server.ended) === "SIGKILL", "the server was to be killed, but ended by itself");
  await sender.seen("retrying", ({ event }) => event === "retrying");

  stage.step(
    "The server starts again",
    "Same port, same spool. It knows what was durable; the sender asks, and sends the rest.",
  );
  const second = await serve(first.port);
  const resumed = await sender.seen("resuming", ({ event }) => event === "resumed");
  const offset = Number(resumed.offset);
  stage.line("demo", `resumed at ${humanSize(offset)}, not at zero: ${humanSize(BIG_BYTES - offset)} left to send`);
  expect(offset >= durable, `resumed at ${offset}, although ${durable} bytes were durable`);
  expect((await sender.ended) === 0, "the sender failed");
  link.close();

  stage.step(
    "The sender has ended. Later ...",
    "Nobody is connected; the files wait on disk. Only now a receiver starts.",
  );
  const inbox = join(folder, "inbox");
  const receiver = start("receiver", "receive", "--port", String(first.port), minimal ? "--output" : "--out", inbox);
  expect((await receiver.ended) === 0, "the receiver failed");
  second.server.kill("SIGTERM");
  expect((await second.server.ended) === 0, "the server did not end in an orderly way");

  stage.step("Every byte is compared", "SHA-256 of what was made and of what landed, read back from disk.");
  const results = await compare(files, receiver.events);
  stage.plain(`   ${column("file", 36)}${"size".padStart(9)}   sha-256        verdict`);
  for (const { name, size, sha256, isSame } of results) {
    const verdict = isSame ? stage.paint("green", "identical") : stage.paint("red", "DIFFERENT");
    stage.plain(`   ${column(name, 36)}${humanSize(size).padStart(9)}   ${sha256.slice(0, 12)}   ${verdict}`);
    expect(isSame, `${name} did not arrive as it was sent`);
  }
  const order = receiver.events.filter(({ event }) => event === "landed").map(({ name }) => name);
  expect(
    order.join("\n") === files.map(({ name }) => name).join("\n"),
    "the files did not arrive in the order in which they were sent",
  );
  if (problems.length === 0) {
    const saved = Math.round((offset / BIG_BYTES) * 100);
    stage.plain(
      `\n${stage.paint(["bold", "green"], "All four files arrived once, in order, byte by byte, through a killed server.")}`,
    );
    stage.plain(`${saved} % of the big file did not have to be sent again.`);
  }
  return problems;
}

/** Looks at what landed, where the receiver says that it landed. */
function compare(files: readonly DemoFile[], events: readonly Event[]) {
  return Promise.all(
    files.map(async (file) => {
      const landed = events.filter(({ event, name }) => event === "landed" && name === file.name);
      const path = String(landed[0]?.path);
      const isThere =
        landed.length === 1 &&
        basename(path) === file.name &&
        (await access(path).then(
          () => true,
          () => false,
        ));
      return { ...file, isSame: isThere && (await sha256Of(path)) === file.sha256 };
    }),
  );
}

/** The options, checked before anything is started. @throws Error with a sentence about a wrong one */
function options(): Options {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    options: { "buffer-size": { type: "string" }, minimal: flag, keep: flag, help: { ...flag, short: "h" } },
  });
  const { minimal, keep, help, "buffer-size": bufferSize } = values;
  if (minimal && bufferSize !== undefined) throw new Error("--minimal has no --buffer-size: leave one of them out");
  if (bufferSize !== undefined) resolve("serve", { flags: { "buffer-size": bufferSize }, env: {}, file: null });
  return { minimal, keep, help, bufferSize };
}

async function main(): Promise<number> {
  let chosen: ReturnType<typeof options>;
  try {
    chosen = options();
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    return 2;
  }
  const { keep, help } = chosen;
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const stage = new Stage();
  const folder = await mkdtemp(join(tmpdir(), "filespool-demo-"));
  stage.plain(stage.paint("bold", "Filespool: send a file now, collect it later."));
  const interrupted = new Promise<string[]>((resolve) => {
    process.once("SIGINT", () => resolve(INTERRUPTED));
    process.once("SIGTERM", () => resolve(INTERRUPTED));
  });
  try {
    const problems = await Promise.race([play(stage, folder, chosen), interrupted]);
    if (problems === INTERRUPTED) return 130;
    for (const problem of problems) stage.plain(stage.paint("red", `FAILED: ${problem}`));
    return problems.length === 0 ? 0 : 1;
  } finally {
    await stopAll();
    if (keep) stage.plain(`\nKept: ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  }
}

try {
  // Leaving ends whatever still runs: see programs.ts.
  process.exit(await main());
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exit(1);
}
