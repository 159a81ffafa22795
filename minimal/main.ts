/**
 * The three programs: `npm run minimal -- serve`, `send FILE...` and `receive`.
 *
 * Everything of this machine that the other files refuse to know is here: arguments, sockets,
 * signals, the clock that ends leases, and the lines that people read. With --json the same lines
 * are objects, for programs.
 *
 * Invariant: the exit code tells a script what to do next, as that of the full program does. 0
 * done, 3 no server, 4 refused for good, 5 try later, 6 damaged, 7 look at this machine, 1 a bug.
 *
 * Left out, and where the full program has it:
 *   settings from files and environment   src/cli/settings/              adr/0022
 *   questions, colours, progress bars     src/cli/prompts/               adr/0045
 *   what to do about each error           src/cli/report/error-hints.ts  adr/0017
 *   other addresses than localhost        src/net/server/access.ts       adr/0037
 *   a log for years, and reloading        src/cli/commands/serve.ts      adr/0043
 *
 * In the full program: src/cli/. This is the last of the eight files: where to go from here, and
 * why they are kept beside the full program at all, is in adr/0106.
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

const HELP = `npm run minimal -- serve   [--port 5011] [--spool spool]       (all: --host localhost, --json, --help)
npm run minimal -- send    [--port 5011] [--queue default] FILE...       ("-" is a pipe: --name NAME)
npm run minimal -- receive [--port 5011] [--queue default] [--output .] [--follow]
`;
/** By the kind of an error, as the protocol's table has it: each says what a script can do next. */
const EXIT = { unreachable: 3, refused: 4, temporary: 5, integrity: 6, local: 7, bug: 1 } as const;
// Each option has a default, so that each program runs without any. An option that nobody knows is
// an error, because a mistyped one must not be taken for none.
const text = (value: string) => ({ type: "string", default: value }) as const;
const flag = { type: "boolean", default: false } as const;
const options = {
  ...{ host: text("localhost"), port: text("5011"), queue: text("default"), spool: text("spool") },
  ...{ output: text("."), name: text("stdin"), follow: flag, json: flag, help: flag },
};
// Wrong usage is told in a sentence, and ends with 2.
const parse = async () => parseArgs({ allowPositionals: true, options });
const { values, positionals } = await parse().catch((error) => process.exit(console.error(error.message) ?? 2));
const { host, queue, output, follow } = values;
const port = Number(values.port);
// Without a command, or with one that is none of the three, the help is shown: exit code 2.
const [command, ...files] = values.help ? [] : positionals;
if (!values.help && !/^(serve|receive)(,|$)|^send,/.test(positionals.join())) process.exitCode = 2;
/**
 * One line for each event. Names come from strangers: they are quoted before a terminal sees them.
 */
const emit: Emit = (event, fields) => {
  const { name, offset, path, port, message } = fields as Record<string, string>;
  const words = [event.padEnd(9), name && quoteName(name), offset, path, port, message].filter(Boolean);
  console.log(values.json ? JSON.stringify({ event, ...fields }) : words.join(" "));
};
/**
 * A socket for a connection. Its errors are heard where it is read; but Node ends a program in
 * which nobody listens for them. "No delay", because a message that waits for a second one waits
 * for ever, when the other end waits for the first.
 */
const opened = (socket: Socket): Socket => socket.setNoDelay(true).on("error", () => {});
/** Each side ends its own direction (half open), so that the last words of the other one arrive. */
async function dial(): Promise<Socket> {
  const socket = opened(connect({ host, port, allowHalfOpen: true }));
  await once(socket, "connect").catch(({ code }) => {
    throw new FilespoolError("unreachable", `no server answers at ${host}:${port} (${code}); is it running?`);
  });
  return socket;
}
/** Serves until a signal comes. A second one ends the program at once, which harms nothing. */
async function serve(): Promise<void> {
  // It knows no tokens and no encryption: everybody who reaches it may send and collect, and all on
  // the way there can read along. So it is reached from this machine only.
  if (!["localhost", "127.0.0.1", "::1"].includes(host))
    throw new FilespoolError("address-unusable", `others can reach ${host}; filespool serve has tokens for that`);
  const queues = await openQueues(values.spool);
  const server = createServer(queues, emit);
  const listener = listenOn({ allowHalfOpen: true }, (socket) => void server.accept(opened(socket)));
  // Port 0 takes a free one, which "listening" tells.
  listener.listen(port, host);
  await once(listener, "listening").catch(({ code }) => {
    throw new FilespoolError("address-unusable", `cannot listen on ${host}:${port} (${code}); take another --port`);
  });
  // A lease is looked at once a second, so it may last so much longer than was promised. Nobody is
  // harmed by that; and as long as clients are here, this timer alone keeps nobody waiting.
  setInterval(() => queues.expire(), 1000).unref();
  emit("listening", { host, port: (listener.address() as AddressInfo).port });
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  listener.close();
  await server.drain();
}
/**
 * What a pipe gives is written to a file first. So it has a length, and it can be read again after
 * a cut, as any other file. The price is a copy on this disk, for as long as the program runs.
 */
async function sendAll(): Promise<FilespoolError[]> {
  const folder = await mkdtemp(join(tmpdir(), "filespool-"));
  const copy = join(folder, values.name);
  if (files.includes("-")) await writeFile(copy, process.stdin);
  const paths = files.map((path) => (path === "-" ? copy : path));
  return send({ dial, queue, emit }, paths).finally(() => rm(folder, { recursive: true }));
}
/**
 * Runs one of the three. A file that fails for good does not stop the others: it is told at the
 * end.
 * @returns those failures
 */
async function run(): Promise<readonly FilespoolError[]> {
  if (command === "serve") await serve();
  else if (command === "send" && files.length > 0) return sendAll();
  else if (command === "receive")
    return receive({ dial, queue, emit, output, origin: `${host}:${port}/${queue}`, follow });
  else process.stdout.write(HELP);
  return [];
}
// What was thrown ended the program as a whole. It is told like the failure of one file, and
// whatever was done before it stays done: the same command, run again, goes on from there.
const failures = await run().catch((error) => [understood(error)]);
for (const error of failures) emit("error", failure(error));
if (failures[0]) process.exitCode = EXIT[failures[0].kind];
