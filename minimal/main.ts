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
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer as listenOn, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FilespoolError, failure, quoteName } from "../src/protocol/index.ts";
import { understood } from "./growing-file.ts";
import { openQueues } from "./queues.ts";
import { receive } from "./receive.ts";
import { send } from "./send.ts";
import { createServer, type Emit } from "./server.ts";

const HELP = `Usage: npm run minimal -- serve   [--port 5011] [--spool spool]
       npm run minimal -- send    [--port 5011] [--queue default] FILE...   ("-" is a pipe: --name NAME)
       npm run minimal -- receive [--port 5011] [--queue default] [--output .] [--follow]
All of them: --host localhost, --json (events for programs), --help
`;
const EXIT = { unreachable: 3, refused: 4, temporary: 5, integrity: 6, local: 7, bug: 1 } as const;

const text = (value: string) => ({ type: "string", default: value }) as const;
const flag = { type: "boolean", default: false } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ host: text("localhost"), port: text("5011"), queue: text("default"), spool: text("spool") },
    ...{ output: text("."), name: text("stdin"), follow: flag, json: flag, help: flag },
  },
});
const { host, queue, output, follow } = values;
const port = Number(values.port);
const [command, ...files] = positionals;

const emit: Emit = (event, fields) => {
  const { name, offset, message, path } = fields as Record<string, string>;
  const words = [event.padEnd(9), name && quoteName(name), offset, path, message].filter(Boolean);
  console.log(values.json ? JSON.stringify({ event, ...fields }) : words.join(" "));
};

/** The errors of a socket are heard where it is read; without anybody who listens they would end us. */
const opened = (socket: Socket): Socket => socket.setNoDelay(true).on("error", () => {});

async function dial(): Promise<Socket> {
  const socket = opened(connect({ host, port, allowHalfOpen: true }));
  await once(socket, "connect").catch(({ code }) => {
    throw new FilespoolError("unreachable", `no server answers at ${host}:${port} (${code}); is it running?`);
  });
  return socket;
}

async function serve(): Promise<void> {
  // Whoever reaches this server may send and collect, and whoever is on the way there may read along.
  if (!["localhost", "127.0.0.1", "::1"].includes(host))
    throw new FilespoolError(
      "address-unusable",
      `others can reach ${host}; for that there is filespool serve, with tokens`,
    );
  const queues = await openQueues(values.spool);
  const server = createServer(queues, emit);
  const listener = listenOn({ allowHalfOpen: true }, (socket) => void server.accept(opened(socket)));
  listener.listen(port, host);
  await once(listener, "listening").catch(({ code }) => {
    throw new FilespoolError("address-unusable", `cannot listen on ${host}:${port} (${code}); take another --port`);
  });
  const clock = setInterval(() => queues.expire(), 1000);
  const { port: at } = listener.address() as AddressInfo;
  emit("listening", { host, port: at, message: `on ${host}:${at}` });
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  clearInterval(clock);
  listener.close();
  await server.drain();
}

/** What a pipe gives is written to a file first. So it can be read again after a cut, as any other. */
async function sendAll(): Promise<FilespoolError[]> {
  const folder = await mkdtemp(join(tmpdir(), "filespool-"));
  const copy = join(folder, values.name);
  if (files.includes("-")) await writeFile(copy, process.stdin);
  const paths = files.map((path) => (path === "-" ? copy : path));
  return send({ dial, queue, emit }, paths).finally(() => rm(folder, { recursive: true }));
}

async function run(): Promise<readonly FilespoolError[]> {
  if (command === "serve") await serve();
  else if (command === "send" && files.length > 0) return sendAll();
  else if (command === "receive")
    return receive({ dial, queue, emit, output, origin: `${host}:${port}/${queue}`, follow });
  else process.stdout.write(HELP);
  return [];
}

const failures = await run().catch((error) => [understood(error)]);
for (const error of failures) emit("error", failure(error));
if (failures[0]) process.exitCode = EXIT[failures[0].kind];
