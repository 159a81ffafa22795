/**
 * One run of a plan: a server, senders and receivers as programs of a simulated world, each started again whenever it
 * ends, while faults come as planned. When all faults are over, everything must come to its end by itself.
 */

import type { createServer as CreateServer } from "../../src/net/create-server.ts";
import type { LandedFile } from "../../src/net/options.ts";
import type { receive as Receive } from "../../src/net/receive.ts";
import type { send as Send } from "../../src/net/send.ts";
import type { Server } from "../../src/net/server/server.ts";
import type { LocalSpool as Local } from "../../src/spool/local-spool.ts";
import { Contents } from "./contents.ts";
import { Disk } from "./disk.ts";
import { forgetAll } from "./files.ts";
import { Network } from "./network.ts";
import { Oracle, OUT, SPOOL } from "./oracle.ts";
import type { Fault, Plan, PlannedReceiver, PlannedSender } from "./plan.ts";
import { strike } from "./strike.ts";
import { Transcript } from "./transcript.ts";
import { Machine, Program, World } from "./world.ts";

/** The real modules, in a world of ours (hooks.mjs). */
export interface Modules {
  readonly createServer: typeof CreateServer;
  readonly send: typeof Send;
  readonly receive: typeof Receive;
  readonly LocalSpool: typeof Local;
}

export interface Outcome {
  /** What was broken, one sentence each; none when all is well. */
  readonly broken: readonly string[];
  readonly transcript: readonly string[];
  readonly steps: number;
  readonly simulatedMs: number;
  /** Faults that came before everything was done. */
  readonly faults: number;
  readonly files: number;
}

const PORT = 5011;
/** How long everything may take after the last fault is over. Leases, patience and back-off are well below. */
const CALM_MS = 15 * 60_000;
const STEPS_MAX = 300_000;
/** Content waiting in one socket: a window of small files, or the buffers of a large one, and what else is under way. */
const UNSENT_BYTES_MAX = 5 * 1024 * 1024;

export async function simulate(plan: Plan, modules: Modules): Promise<Outcome> {
  const run = new Run(plan, modules);
  const onRejection = (error: unknown) => run.oracle.fails(`nobody waits for a promise that failed: ${error}`);
  process.on("unhandledRejection", onRejection);
  try {
    return await run.outcome();
  } finally {
    process.off("unhandledRejection", onRejection);
    forgetAll();
  }
}

class Run {
  readonly oracle: Oracle;
  readonly #plan: Plan;
  readonly #modules: Modules;
  readonly #world: World;
  readonly #machines = new Map<string, Machine>();
  readonly #programs = new Map<string, Program>();
  readonly #transcript: Transcript;
  readonly #sending: Set<string>;
  readonly #contents: Contents;
  #server: { server: Server; spool: Local; owner: Program } | null = null;
  #faults: Fault[];
  #healsAtMs = 0;
  #faultsSeen = 0;
  #isEnding = false;
  #isOver = false;

  constructor(plan: Plan, modules: Modules) {
    this.#plan = plan;
    this.#modules = modules;
    this.#world = new World(plan.seed);
    this.#transcript = new Transcript(this.#world);
    this.#world.network = new Network(this.#world);
    this.#world.network.delayMs = plan.networkMs;
    this.#faults = [...plan.faults];
    for (const name of ["server", ...[...plan.senders, ...plan.receivers].map((planned) => planned.name)])
      this.#machines.set(name, new Machine(this.#world, name, new Disk(this.#world)));
    const server = this.#machine("server");
    this.#world.network.host = server;
    this.#contents = new Contents(plan, this.#world, (name) => this.#machine(name));
    this.#sending = new Set(plan.senders.map(({ name }) => name));
    const receivers = plan.receivers.map(({ name }) => this.#machine(name));
    const hasHooks = plan.receivers.every(({ hookMs }) => hookMs !== undefined);
    this.oracle = new Oracle(this.#contents.known, server, receivers, this.#world, hasHooks);
  }

  #machine(name: string): Machine {
    return this.#machines.get(name) as Machine;
  }

  async outcome(): Promise<Outcome> {
    const { senders, receivers } = this.#plan;
    this.#startServer();
    for (const sender of senders) this.#world.after(sender.startMs, () => this.#startSender(sender));
    for (const receiver of receivers) this.#world.after(receiver.startMs, () => this.#startReceiver(receiver));
    let limitMs = CALM_MS;
    const isOver = () => this.#isOver || this.oracle.broken.length > 0 || this.#world.steps > STEPS_MAX;
    const onStep = () => {
      while (this.#faults[0] && this.#faults[0].atStep <= this.#world.steps)
        this.#strike(this.#faults.shift() as Fault);
      limitMs = Math.max(limitMs, this.#healsAtMs + CALM_MS);
      if (this.#world.steps % 64 === 0) this.oracle.checkNothingLost(false);
      if (!this.#isEnding && this.#isDelivered()) this.#end();
      if (this.#world.nowMs > limitMs) this.oracle.fails(`it did not come to its end in ${CALM_MS} ms of calm`);
    };
    await this.#world.run(isOver, onStep);
    if (!this.#isOver && this.oracle.broken.length === 0)
      this.oracle.fails(
        `it is not at its end, and ${this.#world.steps > STEPS_MAX ? "goes on and on" : "nothing goes on"}`,
      );
    const { unsentBytesMax } = this.#world.network;
    if (unsentBytesMax > UNSENT_BYTES_MAX) this.oracle.fails(`a socket held ${unsentBytesMax} bytes`);
    return {
      broken: this.oracle.broken,
      transcript: this.#transcript.lines,
      steps: this.#world.steps,
      simulatedMs: this.#world.nowMs,
      faults: this.#faultsSeen,
      files: this.#plan.senders.reduce((sum, { files }) => sum + files.length, 0),
    };
  }

  /** Everything was sent and collected, and no fault is on. */
  #isDelivered(): boolean {
    const isUp = this.#server?.owner.isAlive === true && !this.#server.server.isDraining;
    if (!isUp || this.#world.nowMs <= this.#healsAtMs || this.#sending.size > 0) return false;
    return this.oracle.heldBut(this.#contents.isLeft) === 0;
  }

  /** Stops everybody in good order, and looks at what is left. */
  #end(): void {
    this.#isEnding = true;
    this.#faults = [];
    for (const { name } of this.#plan.receivers) this.#programs.get(name)?.die(false);
    const missing = this.#contents.missing(this.oracle.landed);
    if (missing.length > 0) this.oracle.fails(`${missing.join(", ")} did not land`);
    if (!this.#server) return;
    const { server, spool, owner } = this.#server;
    owner.enter(() => {
      void (async () => {
        await this.#contents.expire(this.#machine("server"));
        await server.close({ drainMs: 1000 });
        await spool.close();
        this.oracle.checkNothingLost(true);
        const left = [...(this.#machine("server").disk.find(`${SPOOL}/data`)?.names.keys() ?? [])];
        if (left.length > 0) this.oracle.fails(`the spool keeps ${left.join(", ")}, which nobody needs`);
        if (spool.bytesUsed() !== 0) this.oracle.fails(`the empty spool counts ${spool.bytesUsed()} bytes`);
        for (const { name } of this.#plan.receivers) this.oracle.checkFolder(this.#machine(name));
        this.#isOver = true;
      })();
    });
  }

  /** A program on a machine; `life` says how it ended, and whether it is to be started again. */
  #start(name: string, again: () => void, life: () => Promise<void>): void {
    const machine = this.#machine(name);
    if (!machine.hasPower || this.#isEnding || this.#programs.get(name)?.isAlive) return;
    const owner = new Program(machine, name);
    this.#programs.set(name, owner);
    owner.onDeath.add(() => {
      if (!this.#isEnding && machine.hasPower) this.#world.after(this.#world.between(0, 2000), again);
    });
    this.#transcript.say(name, "starts");
    owner.enter(() => {
      life().then(
        () => owner.die(false),
        (error: unknown) => {
          const { code, message } = error as { code?: string; message: string };
          this.#transcript.say(name, `ends: ${message}`);
          if (code === undefined || code === "internal") this.oracle.fails(`${name}: ${(error as Error).stack}`);
          owner.die(false);
        },
      );
    });
  }

  #startServer(): void {
    const { spoolBytesMax, queueFilesMax, leaseMs, serverBufferBytes: bufferBytes } = this.#plan;
    const again = () => this.#startServer();
    this.#start("server", again, async () => {
      const limits = { spoolBytesMax, queueFilesMax, leaseMs, failuresMax: 1_000_000 };
      const spool = await this.#modules.LocalSpool.open({ folder: SPOOL, bufferBytes, limits });
      const watched = this.oracle.watch(spool);
      const server = await this.#modules.createServer({
        ...{ host: "server", port: PORT, insecure: true, spool: watched, bufferBytes },
        onEvent: (event) => {
          this.#transcript.event("server", event);
          if (event.event === "error" && event.code === "internal") this.oracle.fails(`the server: ${event.message}`);
        },
      });
      this.#server = { server, spool, owner: this.#programs.get("server") as Program };
      await new Promise<void>((stop) => {
        this.#stopServer = async () => {
          await server.close({ drainMs: 2000 });
          await spool.close();
          stop();
        };
      });
    });
  }

  #stopServer: () => Promise<void> = async () => {};

  #startSender(planned: PlannedSender): void {
    const { name, queue, bufferBytes } = planned;
    this.#start(
      name,
      () => this.#sending.has(name) && this.#startSender(planned),
      async () => {
        const files = this.#contents.of(planned);
        const { failures } = await this.#modules.send({
          ...{ files, host: "server", port: PORT, queue, bufferBytes, senderKey: name, connectRetryMs: 5000 },
          onEvent: (event) => {
            this.#transcript.event(name, event);
            if (event.event === "stored") this.#contents.isStored(event.name);
            this.oracle.hears(this.#machine(name), event);
          },
        });
        if (failures.length === 0) this.#sending.delete(name);
        for (const failure of failures) {
          this.#transcript.say(name, `gives up on a file: ${failure.message}`);
          if (!this.#plan.faults.some(({ kind }) => kind === "unsynced" || kind === "full"))
            this.oracle.fails(`${name} gave up on a file: ${failure.message}`);
        }
      },
    );
  }

  #startReceiver(planned: PlannedReceiver): void {
    const { name, queue, bufferBytes, follow, hookMs } = planned;
    const machine = this.#machine(name);
    const onLanded = async (file: LandedFile) => {
      await new Promise((resolve) => setTimeout(resolve, hookMs));
      if (this.#world.chance(0.1)) throw new Error("the hook fails");
      this.oracle.hooked(machine, file);
    };
    this.oracle.checkFolder(machine);
    this.#start(
      name,
      () => this.#startReceiver(planned),
      async () => {
        await this.#modules.receive({
          ...{
            out: OUT,
            host: "server",
            port: PORT,
            queue,
            bufferBytes,
            follow,
            ifExists: "rename",
            connectRetryMs: 5000,
            ...(hookMs !== undefined && { onLanded }),
          },
          onEvent: (event) => {
            this.#transcript.event(name, event);
            this.oracle.hears(machine, event);
          },
        });
      },
    );
  }

  #strike(fault: Fault): void {
    const { kind, machine: name, forMs } = fault;
    if (this.#isEnding) return;
    const machine = this.#machine(name);
    const lastsMs = kind === "clock" ? 0 : forMs;
    this.#faultsSeen++;
    this.#healsAtMs = Math.max(this.#healsAtMs, this.#world.nowMs + lastsMs + 1);
    this.#transcript.say(name, `*** ${kind}${forMs === 0 ? "" : ` for ${forMs} ms`}`);
    strike(fault, machine, this.#programs.get(name), {
      stop: () => this.#stopServer(),
      boot: () => this.#boot(name),
      lostPower: () => {
        if (name === "server") this.oracle.checkNothingLost(true);
      },
    });
  }

  #boot(name: string): void {
    const sender = this.#plan.senders.find((planned) => planned.name === name);
    const receiver = this.#plan.receivers.find((planned) => planned.name === name);
    if (sender && this.#sending.has(name)) this.#startSender(sender);
    else if (receiver) this.#startReceiver(receiver);
    else if (name === "server") this.#startServer();
  }
}
