/**
 * A server with a disk, and clients with another, in one process. Either side can be killed at any call to its disk.
 *
 * A program that is killed does nothing any more: its disk refuses every call, its lines break, and nobody can reach it.
 * The next one begins with what the disk has.
 */
import { join } from "node:path";
import type { Wire } from "../../../minimal/connection.ts";
import type { Queues } from "../../../minimal/queues.ts";
import type { FilespoolError } from "../../../src/protocol/index.ts";
import type { Load, Modules } from "../laws/law.ts";
import { Disk } from "./disk.ts";
import { Peer } from "./peer.ts";
import { type Clock, openQueues } from "./spool.ts";
import { type End, line, settle } from "./wire.ts";

/** The folder on the client's disk into which files land. */
export const INBOX = "inbox";

export interface Told {
  readonly event: string;
  readonly fields: Record<string, unknown>;
}

export class World {
  readonly clock: Clock = { ms: 0 };
  readonly told: Told[] = [];
  /** Called with each new line, the client's end first. */
  onLine: ((client: End) => void) | null = null;
  serverDisk: Disk;
  clientDisk: Disk;
  queues!: Queues;
  #server!: ReturnType<Modules["server"]["createServer"]>;
  readonly #load: Load;
  #lines: End[] = [];
  readonly #sessions: Promise<void>[] = [];

  private constructor(load: Load, serverDisk: Disk, clientDisk: Disk) {
    this.#load = load;
    this.serverDisk = serverDisk;
    this.clientDisk = clientDisk;
  }

  /** Starts a server on a disk. */
  static async start(load: Load, serverDisk = new Disk(), clientDisk = new Disk()): Promise<World> {
    const world = new World(load, serverDisk, clientDisk);
    const [queues, server] = [await load("queues"), await load("server")];
    world.queues = await openQueues(queues, serverDisk, world.clock);
    world.#server = server.createServer(world.queues, world.emit);
    return world;
  }

  readonly emit = (event: string, fields: object): void => {
    this.told.push({ event, fields: fields as Record<string, unknown> });
  };

  readonly dial = async (): Promise<Wire> => {
    // Not an error that may pass: nobody waits here for a program that is dead.
    if (this.serverDisk.isCut || this.clientDisk.isCut) throw new Error("killed");
    const [client, server] = line();
    this.#lines.push(client);
    this.onLine?.(client);
    this.#sessions.push(this.#server.accept(server));
    return client;
  };

  /** A client whose words are chosen by the law. */
  async peer(role: "sender" | "receiver"): Promise<Peer> {
    const peer = new Peer((await this.dial()) as End);
    await peer.greet(role);
    return peer;
  }

  /** Collects all that waits, with the reader's receiver. @returns what may not land */
  async receive(): Promise<FilespoolError[]> {
    const { receive } = await this.#load("receive");
    const { dial, emit } = this;
    const output = join(this.clientDisk.root, INBOX);
    return receive({ dial, emit, queue: "default", output, origin: "law", follow: false });
  }

  /** Sends files of the client's disk with the reader's sender. @returns what was not stored */
  async send(...names: string[]): Promise<FilespoolError[]> {
    const { send } = await this.#load("send");
    const { dial, emit } = this;
    return send(
      { dial, emit, queue: "default" },
      names.map((name) => join(this.clientDisk.root, name)),
    );
  }

  /** Ends everybody: the one whose disk is cut, and the others for want of a partner. */
  end(): void {
    this.serverDisk.isCut = true;
    this.clientDisk.isCut = true;
    for (const end of this.#lines.splice(0)) {
      end.break();
      end.destroy();
      end.other.destroy();
    }
  }

  /** When everybody has ended. A program that is broken may never end, and is not waited for. */
  async over(): Promise<void> {
    this.end();
    await Promise.race([Promise.allSettled(this.#sessions), settle(200)]);
  }

  /** The next world, with the disks as these leave them. */
  async restart(how: "killed" | "power cut"): Promise<World> {
    await this.over();
    const left = (disk: Disk) => (how === "killed" ? disk.afterKill() : disk.afterPowerCut()).inPlaceOf(disk);
    return World.start(this.#load, left(this.serverDisk), left(this.clientDisk));
  }

  /** What is in the inbox, without what the receiver keeps for itself. */
  landed(disk = this.clientDisk): Map<string, string> {
    const start = `${INBOX}/`;
    const names = [...disk.files()].filter(([path]) => path.startsWith(start) && !path.includes(".filespool-"));
    return new Map(names.map(([path, bytes]) => [path.slice(start.length), bytes.toString()]));
  }
}
