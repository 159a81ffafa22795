/**
 * One run: three machines, the programs of minimal/ on them, the network between them, and the accidents asked for.
 *
 * This is what a person and minimal/main.ts do: start a program, give it a wire when it calls, start it again when it
 * has ended too early. Everything else is done by the programs themselves. Invariants, tested: the same settings give
 * the same story; and once the accidents are over the file arrives whole, exactly once, whatever they were.
 */
import { openQueues } from "../../../../minimal/queues.ts";
import { receive } from "../../../../minimal/receive.ts";
import { send } from "../../../../minimal/send.ts";
import { createServer } from "../../../../minimal/server.ts";
import { FilespoolError, known } from "../../../../src/protocol/errors.ts";
import { digestOf } from "./machine/digest.ts";
import { Disk } from "./machine/disk.ts";
import { type Machine, Program } from "./machine/program.ts";
import { FAULTS, type Fault, RESTART_MS, Scribe, type Settings, type Story, type Who } from "./story.ts";
import { WATCH } from "./watch.ts";
import { type End, Link, type Watcher } from "./wire.ts";
import { World } from "./world.ts";

/** Buffers between two syncs of the server. */
const SYNC_BUFFERS = 4;
const LIMIT_MS = 3_600_000;

const FILE = "/holiday.jpg";
const SPOOL = "/spool";
const INBOX = "/inbox";
const QUEUE = "default";
type Client = "sender" | "receiver";
/** With which half of the server a client talks. */
const HALF = { sender: "upload", receiver: "delivery" } as const;

export async function run(settings: Settings): Promise<Story> {
  const world = new World(settings.seed);
  const scribe = new Scribe(() => world.nowMs);
  const { bufferBytes, latencyMs } = settings;
  const machineOf = (who: Who): Machine => ({ who, world, scribe, disk: new Disk(), bufferBytes });
  const machines = { sender: machineOf("sender"), server: machineOf("server"), receiver: machineOf("receiver") };
  const programs: Partial<Record<Who, Program>> = {};
  const calls: Partial<Record<Client, { readonly link: Link; readonly watcher: Watcher }>> = {};
  /** How a call is answered; null while no server is up. */
  let accept: ((end: End) => Promise<void>) | null = null;
  /** Clients that the server has not seen leave. */
  let talks = 0;
  let isSent = false;
  let isStored = false;
  let hasLeft = false;

  const content = Uint8Array.from({ length: settings.fileBytes }, () => Math.floor(world.random() * 256));
  put(machines.sender.disk, FILE, content);
  put(machines.server.disk, SPOOL);
  put(machines.receiver.disk, INBOX);
  const inbox = machines.receiver.disk;
  inbox.onChange = (path) => {
    const part = path.endsWith(".part") && inbox.find(path);
    if (part) scribe.level("held", part.content.length);
    const isLanded = path === INBOX + FILE && inbox.durableBytes(path) === inbox.find(path)?.content.length;
    if (isLanded && !scribe.marks.some(({ kind }) => kind === "landed"))
      scribe.mark("receiver", "landed", "landed: whole, verified, in the folder");
  };
  const spool = machines.server.disk;
  spool.onChange = (path) => {
    if (!path.startsWith(`${SPOOL}/data/`) || isStored) return;
    const durable = spool.durableBytes(path);
    scribe.level("taken", spool.find(path)?.content.length ?? 0);
    if (scribe.level("durable", durable) && durable > 0)
      scribe.mark("server", "durable", `${durable.toLocaleString("en")} bytes are durable`);
  };

  /** Reaches the server for a program. TCP takes one round trip before the first byte of ours. */
  const dial = async (program: Program, who: Client): Promise<End> => {
    await program.pause(latencyMs * 2);
    const [server, answer] = [programs.server, accept];
    if (!server || !answer) throw new FilespoolError("unreachable", "no server answers");
    const watcher = WATCH[who](scribe);
    const link = new Link([program, server], settings, watcher);
    calls[who] = { link, watcher };
    scribe.mark(who, "connected", "connected");
    talks++;
    const onLeft = () => {
      talks--;
      const half = HALF[who];
      const last = scribe.changes.findLast((change) => change.who === "server" && change.half === half);
      // A client that said goodbye is not lost; and an older connection may end after a newer one has begun.
      if (calls[who]?.link === link && last?.state !== "closed") scribe.change("server", half, "lost", "no connection");
    };
    world.after(0, () => server.wake(() => void answer(link.ends[1]).then(onLeft)));
    return link.ends[0];
  };

  /** What a program says that it does. */
  const emitOf = (who: Who) => (event: string, fields: object) => {
    const { offset = 0, code = "", message = "" } = fields as { offset?: number; code?: string; message?: string };
    if (code === "internal") world.fail(new Error(message));
    const isAway = code === "connection-lost" || code === "unreachable";
    if (event === "resumed") scribe.mark(who, event, `goes on at byte ${offset.toLocaleString("en")}`);
    if (event === "retrying" || event === "error") scribe.mark(who, isAway ? "lost" : "error", message);
    if (event === "retrying") calls[who as Client]?.watcher.lost();
    if (event === "stored" && who === "server" && !isStored) {
      isStored = true;
      scribe.mark(who, event, "stored: whole, verified, in its queue");
    }
  };

  const clientOf = (program: Program, who: Client) => ({
    ...{ dial: () => dial(program, who), queue: QUEUE, emit: emitOf(who) },
  });
  const WORK: Record<Who, (program: Program) => Promise<unknown>> = {
    async server() {
      const queues = await openQueues(SPOOL, undefined, bufferBytes * SYNC_BUFFERS);
      const server = createServer(queues, emitOf("server"));
      accept = (end) => server.accept(end);
      // The others are started as soon as there is a server for the first time.
      for (const who of ["sender", "receiver"] as const) if (!programs[who]) world.after(0, () => start(who));
    },
    async sender(program) {
      const [failed] = await send(clientOf(program, "sender"), [FILE]);
      if (failed) throw failed;
      isSent = true;
      program.kill();
    },
    receiver: (program) => receive({ ...clientOf(program, "receiver"), output: INBOX, origin: QUEUE, follow: true }),
  };

  const start = (who: Who): void => {
    const program = new Program(machines[who]);
    programs[who] = program;
    const giveUp = (error: unknown) => {
      if (known(error).kind === "bug") world.fail(error);
      scribe.mark(who, "lost", `gives up: ${known(error).message}`);
      kill(who);
    };
    program.wake(() => void WORK[who](program).catch(giveUp));
  };

  /** Ends a program as SIGKILL does. Its kernel ends its connections, and somebody starts it again. */
  const kill = (who: Who): void => {
    const program = programs[who];
    if (!program?.isAlive) return;
    program.kill();
    if (who === "server") [accept, talks] = [null, 0];
    for (const [client, { link, watcher }] of Object.entries(calls)) {
      if (!link.ends.some((end) => end.program === program)) continue;
      link.cut(`the ${who} is gone`);
      scribe.change("server", HALF[client as Client], "lost", "no connection");
      if (client === who) watcher.lost();
    }
    world.after(RESTART_MS, () => {
      scribe.mark(who, "up", "started again");
      start(who);
    });
  };

  let flips = 0;
  /** Waits for the next data frame, if none is under way. */
  const tryFlip = (): void => {
    if (Object.values(calls).some(({ link }) => link.damage())) flips--;
    else if (flips > 0) world.after(1, tryFlip);
  };
  const STRIKE: Record<Fault["kind"], () => void> = {
    "cut-sender": () => calls.sender?.link.cut("it was cut"),
    "cut-receiver": () => calls.receiver?.link.cut("it was cut"),
    "kill-sender": () => kill("sender"),
    "kill-server": () => kill("server"),
    "kill-receiver": () => kill("receiver"),
    crash() {
      kill("server");
      spool.cutPower();
    },
    flip() {
      flips++;
      tryFlip();
    },
  };
  for (const { kind, atMs } of settings.faults)
    world.at(atMs, () => {
      scribe.mark(FAULTS[kind].who, "fault", FAULTS[kind].text);
      STRIKE[kind]();
    });

  /** The receiver would wait for more. It is told to leave when nothing is left to do. */
  const isOver = (): boolean => {
    const names = inbox.list(INBOX);
    const isCollected =
      names.includes(FILE.slice(1)) && names.every((name) => inbox.list(`${INBOX}/${name}`).length === 0);
    if (!hasLeft && isSent && isCollected) {
      hasLeft = true;
      programs.receiver?.kill();
      calls.receiver?.link.ends[0].destroy();
      scribe.change("receiver", "delivery", "bye", "done");
    }
    return hasLeft && talks === 0;
  };
  world.after(0, () => start("server"));
  const isDone = await world.run(isOver, LIMIT_MS);
  if (!isDone) throw new FilespoolError("timed-out", "the simulation did not come to an end");

  const { flights, marks, changes, levels } = scribe;
  const endMs = Math.max(...[...marks, ...changes].map(({ atMs }) => atMs), ...flights.map(({ overMs }) => overMs));
  const landed = inbox.list(INBOX).filter((name) => !name.startsWith("."));
  const digests = [content, inbox.get(INBOX + FILE).content].map((bytes) => digestOf("sha256", bytes)) as [
    string,
    string,
  ];
  return { flights, marks, changes, levels, endMs, sent: digests[0], landed: digests[1], landings: landed.length };
}

/** What was on a disk long before: a file with its content, or an empty folder. */
function put(disk: Disk, path: string, content?: Uint8Array<ArrayBuffer>): void {
  const inode = disk.create(path, content === undefined);
  if (content) disk.write(inode, content);
  disk.sync(inode);
  disk.sync(disk.get("/"));
}
