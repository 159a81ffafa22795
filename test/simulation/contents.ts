/**
 * What senders have to send: files on their disks, and streams.
 *
 * A file is the same file in each life of its sender. A stream is not: whoever is killed in the middle of one has lost what
 * it gave, and runs its producer again. So each life gives it anew, under a name of its own, and what is promised is this:
 * a stream that was said to be stored lands, whole and once; of one that was not, nothing is ever seen unless all of it was
 * stored all the same; and what is left of it goes when unfinished uploads expire.
 */
import type { StreamSource } from "../../src/net/options.ts";
import { noise } from "../support/process-files.ts";
import type { Plan, PlannedFile, PlannedSender } from "./plan.ts";
import type { Machine, World } from "./world.ts";

/** Until then a server may take the connection of a sender that is gone for one that is slow. */
const NOTICED_MS = 90_000;
/** More than the limits of the spool say, also for a clock that was set back. */
const EXPIRED_MS = 4 * 24 * 3_600_000;
const PIECE_BYTES_MAX = 40_000;
/** Long enough for a server to sync what it has, so that there is something to resume, and something to expire. */
const LONG_PAUSE_MS = 1500;

export class Contents {
  /** Everything that may ever be seen anywhere, by name. */
  readonly known = new Map<string, { readonly queue: string; readonly content: Buffer }>();
  readonly #world: World;
  readonly #planned: readonly PlannedFile[];
  readonly #bytes = new Map<string, Buffer>();
  /** Names of streams that a life has begun and not heard of; when the next life began, in which they are nobody's. */
  readonly #begun = new Map<string, Set<string>>();
  readonly #leftAtMs = new Map<string, number>();
  readonly #stored = new Set<string>();
  #lives = 0;

  constructor(plan: Plan, world: World, machineOf: (name: string) => Machine) {
    this.#world = world;
    this.#planned = plan.senders.flatMap(({ files }) => files);
    const block = noise(1 << 20, plan.seed);
    for (const { name: machine, queue, files } of plan.senders)
      for (const { name, size, isStream } of files) {
        const content = Buffer.alloc(size, block);
        // No two pieces, and no two files, are the same.
        for (let at = 0; at + 8 <= size; at += 4096) content.writeDoubleLE(at + this.#bytes.size / 1000, at);
        // In every third file there is a hole: some are sent as frames of zeros, and some are too short for that.
        if (this.#bytes.size % 3 === 2) content.fill(0, Math.ceil(size / 4), size);
        this.#bytes.set(name, content);
        if (isStream) continue;
        this.known.set(name, { queue, content });
        machineOf(machine).disk.place(`/files/${name}`, content);
      }
  }

  /** What a new life of a sender is to send. */
  of({ name: sender, queue, files }: PlannedSender): (string | StreamSource)[] {
    for (const name of this.#begun.get(sender) ?? []) this.#leftAtMs.set(name, this.#world.nowMs);
    const begun = new Set<string>();
    this.#begun.set(sender, begun);
    const life = ++this.#lives;
    return files.flatMap((file): (string | StreamSource)[] => {
      if (!file.isStream) return [`/files/${file.name}`];
      if (this.#stored.has(file.name)) return [];
      const name = `${file.name}~${life}`;
      const content = this.#bytes.get(file.name) as Buffer;
      this.known.set(name, { queue, content });
      begun.add(name);
      return [{ name, stream: this.#pieces(content) }];
    });
  }

  /** As a pipe gives it: in pieces of any size, now and then after a while. */
  async *#pieces(content: Buffer): AsyncGenerator<Uint8Array> {
    let restsAt = this.#world.chance(0.5) ? content.length / 2 : Number.POSITIVE_INFINITY;
    for (let at = 0; at < content.length; ) {
      const pauseMs = at > restsAt ? LONG_PAUSE_MS : this.#world.between(1, 50);
      if (at > restsAt || this.#world.chance(0.3)) await new Promise((go) => setTimeout(go, pauseMs));
      if (at > restsAt) restsAt = Number.POSITIVE_INFINITY;
      const bytes = this.#world.between(1, PIECE_BYTES_MAX);
      yield content.subarray(at, at + bytes);
      at += bytes;
    }
  }

  /** A sender was told that this is stored. */
  isStored(name: string): void {
    this.#stored.add(plannedName(name));
    for (const begun of this.#begun.values()) begun.delete(name);
  }

  /** A stream that nobody will go on with, and the server knows that by now. */
  readonly isLeft = (name: string): boolean =>
    this.#world.nowMs > (this.#leftAtMs.get(name) ?? Number.POSITIVE_INFINITY) + NOTICED_MS;

  /** Lets the days pass after which a server removes what nobody goes on with. For the program on that machine. */
  async expire(server: Machine): Promise<void> {
    if (this.#leftAtMs.size === 0) return;
    // First it notices who has gone: what it writes down of an upload then counts from that moment.
    await new Promise((resolve) => setTimeout(resolve, NOTICED_MS));
    server.skewMs += EXPIRED_MS;
    for (let sweeps = 0; sweeps < 5; sweeps++) await new Promise((resolve) => setTimeout(resolve, 1000));
  }

  /** What was to be sent and landed under none of its names. */
  missing(landed: ReadonlySet<string>): string[] {
    const found = new Set([...landed].map(plannedName));
    return this.#planned.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  }
}

const plannedName = (name: string): string => name.split("~", 1)[0] as string;
