/**
 * The three programs: `npm run minimal -- serve`, `send FILE...` and `receive`.
 *
 * Everything of this machine that the other files refuse to know is here: arguments, sockets, signals,
 * the clock that ends leases, and what people read. `--json` prints the same events for programs.
 *
 * Invariant: the exit code tells a script what to do, as that of the full program does: 0 done, 3 no
 * server, 4 refused, 5 try later, 6 damaged, 7 look at this machine, 1 a bug, 2 wrong usage.
 *
 * Left out, and where the full program has it:
 *   settings from files and environment   src/cli/settings/      adr/0022
 *   questions, progress bars, colours     src/cli/prompts/       adr/0045
 *   what to do about each error           src/cli/report/error-hints.ts
 *   addresses other than this machine's   src/net/server/access.ts   adr/0037
 *
 * This is the last of the eight files. Where to go from here: src/net/README.md
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { FilespoolError, failure, known, quoteName } from "../src/protocol/index.ts";
import { Queues } from "./queues.ts";
import { receive } from "./receive.ts";
import { send } from "./send.ts";
import { type Emit, Server } from "./server.ts";

const HELP = `Usage: npm run minimal -- serve|send|receive [options] [FILE...]

  serve      keeps files until they are collected   --port 5011 --spool spool
  send       FILE... ("-": standard input, --name)  --host localhost --port 5011 --queue default
  receive    collects what waits                    the same, and --output . --follow

  --json     events for programs, one on a line
`;

const EXIT = { unreachable: 3, refused: 4, temporary: 5, integrity: 6, local: 7, bug: 1 } as const;
const text = (value: string) => ({ type: "string", default: value }) as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ host: text("localhost"), port: text("5011"), queue: text("default"), spool: text("spool") },
    ...{ output: text("."), name: text("stdin"), follow: { type: "boolean" }, json: { type: "boolean" } },
    help: { type: "boolean", short: "h" },
  },
});
const { host, queue, json, output } = values;
const port = Number(values.port);
const [command, ...files] = positionals;

const emit: Emit = (event, fields) => {
  const { name = "", message = "", ...rest } = fields as { name?: string; message?: string };
  const words = Object.entries(rest).map(([key, value]) => `${key}=${value}`);
  console.log(
    json
      ? JSON.stringify({ event, ...fields })
      : [event.padEnd(9), name && quoteName(name), message, ...words].join(" "),
  );
};

/** A socket whose two directions end by themselves, and whose errors are heard where it is read. */
const opened = (socket: Socket): Socket => socket.setNoDelay(true).on("error", () => {});

async function serve(): Promise<void> {
  // Whoever reaches this server may send and collect, and everybody on the way can read along.
  if (!["localhost", "127.0.0.1", "::1"].includes(host))
    throw new FilespoolError(
      "address-unusable",
      `${host} is open to other machines; filespool serve has tokens and TLS`,
    );
  const queues = await Queues.open(values.spool);
  const server = new Server(queues, emit);
  const listener = createServer({ allowHalfOpen: true }, (socket) => void server.accept(opened(socket)));
  listener.listen(port, host);
  await once(listener, "listening").catch((error) => {
    throw new FilespoolError(
      "address-unusable",
      `cannot listen on ${host}:${port} (${error.code}); choose another --port`,
    );
  });
  const clock = setInterval(() => queues.expire(), 1000);
  emit("listening", { host, ...(listener.address() as object) });
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  listener.close();
  clearInterval(clock);
  await server.drain();
}

async function dial(): Promise<Socket> {
  const socket = opened(connect({ host, port, allowHalfOpen: true }));
  await once(socket, "connect").catch((error) => {
    throw new FilespoolError("unreachable", `no server answers at ${host}:${port} (${error.code}); is it running?`);
  });
  return socket;
}

/** What a pipe gives is written to a file first. So it can be read again after a cut, as any file. */
async function sendAll(): Promise<FilespoolError[]> {
  const folder = await mkdtemp(join(tmpdir(), "filespool-"));
  const copy = join(folder, values.name);
  if (files.includes("-")) await pipeline(process.stdin, createWriteStream(copy));
  const paths = files.map((path) => (path === "-" ? copy : path));
  return send({ dial, queue, emit }, paths).finally(() => rm(folder, { recursive: true }));
}

async function main(): Promise<FilespoolError[]> {
  if (command === "serve") await serve();
  else if (command === "send" && files.length > 0) return sendAll();
  else if (command === "receive")
    return receive({ dial, queue, emit, output, origin: `${host}:${port}/${queue}`, follow: values.follow === true });
  else process.stdout.write(HELP);
  return [];
}

const failures = await main().catch((error) => [known(error)]);
for (const error of failures) emit("error", failure(error));
emit("done", {});
if (failures[0]) process.exitCode = EXIT[failures[0].kind];
