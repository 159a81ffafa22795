/**
 * The oracle: what must be true of the disks and of what the programs say, at each moment, without asking the programs.
 *
 *   said "stored"      the server's disk would have the file, whole, after a power cut at that moment
 *   off the queue      only after some receiver's disk would have it
 *   handed out         the first free file of its queue, whole, to one holder, under a token that is not over
 *   "landed"           the receiver's disk would have it under its name, whole, for the first time in that folder
 *   off the queue      only after the hook has run for it, where receivers have one
 *   durable offset     never goes back, and the server's disk has what it vouches for
 *   accounts           what the spool says it holds is what its index says, and each file is found by its age
 *   nothing waiting    only while somebody holds each file of the queue: so no one-shot receiver ends too early
 */
import type { TransferEvent } from "../../src/net/events.ts";
import type { Spool } from "../../src/spool/contract.ts";
import type { Row } from "./disk.ts";
import { DurableOffsets } from "./durable-offsets.ts";
import type { Machine, World } from "./world.ts";

export const SPOOL = "/spool";
export const OUT = "/out";

interface Known {
  readonly queue: string;
  readonly content: Buffer;
}

interface Entry {
  readonly transfer: string;
  readonly name: string;
  readonly size: number;
  readonly storedAtMs: number;
  readonly content?: Uint8Array;
}

export class Oracle {
  readonly broken: string[] = [];
  /** Names that a sender was told are stored, and names that landed durably in some folder. */
  readonly stored = new Set<string>();
  readonly landed = new Set<string>();
  readonly #files: ReadonlyMap<string, Known>;
  readonly #server: Machine;
  readonly #receivers: readonly Machine[];
  readonly #world: World;
  readonly #names = new Map<string, string>();
  readonly #landedIn = new Set<string>();
  readonly #uploads: DurableOffsets;
  readonly #ackedBy = new Map<string, string>();
  /** Files whose hook has run; null where there is none. */
  readonly #hooked: Set<string> | null;

  constructor(
    files: ReadonlyMap<string, Known>,
    server: Machine,
    receivers: readonly Machine[],
    world: World,
    hasHooks: boolean,
  ) {
    this.#hooked = hasHooks ? new Set() : null;
    this.#files = files;
    this.#receivers = receivers;
    this.#server = server;
    this.#world = world;
    this.#uploads = new DurableOffsets({
      fails: (what) => this.fails(what),
      nameOf: (transfer) => this.#names.get(transfer) ?? "",
      contentOf: (name) => files.get(name)?.content,
      onDisk: (transfer) => server.disk.onDisk(`${SPOOL}/data/${transfer}`),
    });
  }

  fails(what: string): void {
    if (this.broken.length < 20) this.broken.push(`at ${this.#world.nowMs.toFixed(1)} ms: ${what}`);
  }

  #rows(table: string): Row[] {
    return [...(this.#server.disk.find(`${SPOOL}/index.mdb`)?.committed.get(table)?.values() ?? [])];
  }

  get #entries(): { queue: string; sequence: number; entry: Entry }[] {
    return this.#rows("entries").map(({ key, value }) => {
      const [queue, sequence] = key as [string, number];
      return { queue, sequence, entry: value as Entry };
    });
  }

  /** Files and unfinished uploads that the index on disk knows of, but for uploads that nobody will go on with. */
  heldBut(isLeft: (name: string) => boolean): number {
    const uploads = this.#rows("uploads").filter(({ value }) => !isLeft((value as Entry).name));
    return this.#rows("entries").length + uploads.length;
  }

  hears(machine: Machine, event: TransferEvent): void {
    if (event.event === "offered") this.#names.set(event.transfer, event.name);
    if (event.event === "stored") {
      this.stored.add(event.name);
      this.checkNothingLost(true);
    }
    if (event.event === "landed") this.#lands(machine, event);
  }

  /** A hook has been handed a file. */
  hooked({ disk, name: where }: Machine, { name, path }: { name: string; path: string }): void {
    const known = this.#files.get(name)?.content;
    if (!known || !disk.find(path)?.content.equals(known))
      this.fails(`a hook on ${where} was handed ${path} not whole`);
    this.#hooked?.add(name);
  }

  #lands(machine: Machine, { name, path }: { name: string; path: string }): void {
    const known = this.#files.get(name)?.content;
    const found = machine.disk.onDisk(path);
    const where = `${machine.name}:${path}`;
    if (!known || !found?.equals(known)) this.fails(`${where} landed, but its disk does not have it whole`);
    if (this.#landedIn.has(`${machine.name} ${name}`)) this.fails(`${name} landed a second time on ${machine.name}`);
    this.#landedIn.add(`${machine.name} ${name}`);
    this.landed.add(name);
  }

  /** Every file that has its name is whole, in the eyes of a user of that folder. */
  checkFolder(machine: Machine): void {
    for (const [name, inode] of machine.disk.find(OUT)?.names ?? []) {
      if (name.startsWith(".filespool")) continue;
      const known = this.#files.get(name.replace(/ \(\d+\)$/, ""))?.content;
      if (!known?.equals(inode.content)) this.fails(`${name} is visible on ${machine.name}, and is not what was sent`);
    }
  }

  /** @param thoroughly compares contents, too */
  checkNothingLost(thoroughly: boolean): void {
    const entries = new Map(this.#entries.map(({ entry }) => [entry.name, entry]));
    const places = this.#rows("transfers").map(({ value }) => value as { name: string; collected: boolean });
    const collected = new Set(places.filter((place) => place.collected).map(({ name }) => name));
    for (const name of collected)
      if (!this.#hasLanded(name)) this.fails(`${name} was taken off its queue, and is on no receiver's disk`);
    this.#checkAges();
    for (const name of this.stored) {
      const entry = entries.get(name);
      if (!entry && !collected.has(name)) this.fails(`${name} was said to be stored, and is not in the index on disk`);
      if (entry && (thoroughly || !entry.content)) this.#checkEntry(name, entry);
    }
  }

  #checkAges(): void {
    const ages = this.#rows("ages").map(({ key, value }) => `${key} ${value}`);
    const known = this.#entries.map(({ queue, sequence, entry }) => `${entry.storedAtMs},${sequence} ${queue}`);
    if (ages.sort().join() !== known.sort().join()) this.fails(`the index has files ${known} and ages ${ages}`);
  }

  /** Said, or only done: who dies between the two says nothing. */
  #hasLanded(name: string): boolean {
    const known = this.#files.get(name)?.content as Buffer;
    const isOnDisk = () => this.#receivers.some(({ disk }) => disk.onDisk(`${OUT}/${name}`)?.equals(known));
    if (!this.landed.has(name) && isOnDisk()) this.landed.add(name);
    return this.landed.has(name);
  }

  #checkEntry(name: string, entry: Entry): void {
    const known = this.#files.get(name)?.content as Buffer;
    const content = entry.content ?? this.#server.disk.onDisk(`${SPOOL}/data/${entry.transfer}`);
    // Of what is empty nothing is ever read, so whether its file has a name is no matter.
    if (!content && known.length === 0) return;
    if (!content) this.fails(`${name} was said to be stored, and its content has no name on disk`);
    else if (content.length !== known.length || !known.equals(content))
      this.fails(`${name} was said to be stored, and its content on disk is not what was sent`);
  }

  /** After a start: the spool counts what its index holds. */
  #checkAccounts(spool: Spool): void {
    // Of a stream, nobody knows more than what is there.
    const uploads = this.#rows("uploads").map(({ value }) => value as { size: number; durable: number });
    const sizes = uploads.map(({ size, durable }) => (size === Number.POSITIVE_INFINITY ? durable : size));
    const sum = [...this.#entries.map(({ entry }) => entry.size), ...sizes].reduce((total, size) => total + size, 0);
    if (spool.bytesUsed() !== sum) this.fails(`the spool counts ${spool.bytesUsed()} bytes, its index holds ${sum}`);
    for (const queue of new Set([...this.#files.values()].map((known) => known.queue))) {
      const files = this.#entries.filter((entry) => entry.queue === queue).length;
      if (spool.waiting(queue) !== files)
        this.fails(`the spool counts ${spool.waiting(queue)} files in ${queue}, its index holds ${files}`);
    }
  }

  /** The spool of one life of a server, with every call that changes who holds what checked against the index. */
  watch<S extends Spool>(spool: S): S {
    this.#checkAccounts(spool);
    /** Who holds what, by token. */
    const leases = new Map<
      string,
      { readonly name: string; readonly queue: string; readonly transfer: string; sinceMs: number }
    >();
    const of = (transfer: string) => [...leases].find(([, lease]) => lease.transfer === transfer);
    const taking = new Set<string>();
    /** Failures that are being written down, of whoever: nobody holds those files. */
    const returning = new Map<string, string>();
    const { nack } = spool;
    spool.nack = async (token, reason) => {
      const held = leases.get(token);
      if (held) returning.set(token, held.queue);
      return nack.call(spool, token, reason).finally(() => returning.delete(token));
    };
    // A lease that is over ends in a sweep, nobody outside knows when in it: until its end, the file may be free or not.
    let sweeps = 0;
    const isOver = ({ sinceMs }: { sinceMs: number }) => this.#world.nowMs - sinceMs >= spool.limits.leaseMs;
    const overBefore = new Set<string>();
    const drop = (token: string) => {
      const lease = leases.get(token);
      leases.delete(token);
      if (lease && isOver(lease)) overBefore.add(token);
      return lease;
    };
    const watched: Partial<Spool> = {
      offer: async (offer, watcher) => {
        const answer = await spool.offer(offer, this.#uploads.watcher(offer.transfer, offer.size, watcher));
        if (spool.bytesUsed() > spool.limits.spoolBytesMax) this.fails("the spool holds more than it may");
        return this.#uploads.offer(offer.transfer, answer);
      },
      lease: async (queue) => {
        const rows = this.#entries.filter((row) => row.queue === queue).sort((a, b) => a.sequence - b.sequence);
        // A verdict that is being written may fail, and the file is free again before we hear of it.
        const first = rows.findIndex(({ entry }) => !taking.has(entry.transfer) && !of(entry.transfer));
        const upTo = rows.slice(0, first < 0 ? rows.length : first + 1).map((row) => row.entry.transfer);
        const mine = rows[first]?.entry.transfer ?? "";
        taking.add(mine); // whoever asks before the answer is here comes after us
        const wasSwept = sweeps > 0;
        const returningBefore = [...returning].filter(([, home]) => home === queue);
        const delivery = await spool.lease(queue);
        // What is written down already is told to us some promises later; what is not takes a moment of the world.
        for (let turn = 0; turn < 20; turn++) await undefined;
        if (!delivery && returningBefore.some(([token]) => returning.has(token)))
          this.fails(`nothing was waiting in ${queue}, while nobody held a file of it`);
        taking.delete(mine);
        if (delivery ? !upTo.includes(delivery.transfer) : first >= 0)
          this.fails(`${queue} handed out ${delivery?.name ?? "nothing"}, but ${rows[first]?.entry.name} was first`);
        if (!delivery) return delivery;
        const [held, lease] = of(delivery.transfer) ?? [];
        if (lease && !((wasSwept || sweeps > 0) && isOver(lease)))
          this.fails(`${delivery.name} was handed out twice at a time`);
        if (held) drop(held);
        leases.set(delivery.token, { ...delivery, sinceMs: this.#world.nowMs });
        return delivery;
      },
      ack: async (token) => {
        const lease = drop(token);
        if (lease) taking.add(lease.transfer);
        try {
          await spool.ack(token);
        } finally {
          if (lease) taking.delete(lease.transfer);
        }
        if (!lease && !this.#ackedBy.has(token)) this.fails(`an ack under ${token} was taken, whose lease is over`);
        if (!lease) return;
        const others = [...this.#ackedBy].filter(([, transfer]) => transfer === lease.transfer);
        if (others.length > 0) this.fails(`${lease.name} was acked twice`);
        if (this.#hooked?.has(lease.name) === false) this.fails(`${lease.name} was acked, and its hook has not run`);
        this.#ackedBy.set(token, lease.transfer);
        this.checkNothingLost(false);
      },
      nack: async (token, reason) => {
        const failing = spool.nack(token, reason);
        const lease = drop(token);
        if (lease) taking.add(lease.transfer);
        return failing.finally(() => lease && taking.delete(lease.transfer));
      },
      release: (token) => {
        drop(token);
        spool.release(token);
      },
      renew: (token) => {
        const lease = leases.get(token);
        const isRenewed = spool.renew(token);
        if (isRenewed && lease) lease.sinceMs = this.#world.nowMs;
        if (isRenewed && !lease) this.fails(`a lease was renewed under ${token}, which is over`);
        return isRenewed;
      },
      sweep: async () => {
        sweeps++;
        try {
          const swept = await spool.sweep();
          for (const { token, name } of swept.leases) {
            drop(token);
            if (!overBefore.delete(token)) this.fails(`the lease of ${name} ended before its time, or twice`);
          }
          return swept;
        } finally {
          sweeps--;
        }
      },
    };
    return new Proxy(spool, {
      get: (target, key) => {
        const ours = watched[key as keyof Spool];
        if (ours) return ours;
        const value = Reflect.get(target, key, target) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}
