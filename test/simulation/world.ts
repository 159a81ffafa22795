/**
 * The world of a simulation: a clock that stands still until it is told to jump, and programs that live and die in it.
 *
 * Everything that ever happens is an entry of one list, sorted by time: bytes arrive, a disk is done, a timer rings, a
 * program is killed. `run` takes the first entry, moves the clock there, lets it happen, and waits until everything that
 * follows from it *without waiting* has happened too. All chance comes from one seeded generator. So a run is the same
 * again for the same seed, and an hour of retries takes no longer than its events.
 *
 * A program is real code from src/ in which time, chance, sockets and files are this world's (hooks.mjs). Which program
 * is at work is known from an AsyncLocalStorage. To kill one, nothing is thrown into it: what it waits for never comes.
 *
 * The idea is FoundationDB's ("Testing Distributed Systems w/ Deterministic Simulation", Wilson, Strange Loop 2014).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { random } from "../support/process-files.ts";
import type { Disk } from "./disk.ts";
import type { Network } from "./network.ts";

const real = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  clearTimeout: globalThis.clearTimeout,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  dateNow: Date.now,
  random: Math.random,
  performanceNow: performance.now.bind(performance),
};

/** The program that is at work. */
const here = new AsyncLocalStorage<Program>();

/** @throws when simulated code runs outside of a program, which is a fault of the simulation */
export function program(): Program {
  const found = here.getStore();
  if (!found) throw new Error("simulated code ran outside of a program");
  return found;
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  happen(): void;
}

/** 2026-01-01: what the clocks on the walls show when a run begins. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

export class World {
  /** Milliseconds since the run began. */
  nowMs = 0;
  /** Entries of the list that have happened. */
  steps = 0;
  #onStep: () => void = () => {};
  /** A number from 0 to 1. */
  readonly random: () => number;
  network!: Network;
  readonly #heap: Happening[] = [];
  #order = 0;

  constructor(seed: number) {
    this.random = random(seed);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.between(0, from.length - 1)] as T;
  }

  /** Lets something happen later. */
  after(delayMs: number, happen: () => void): void {
    const heap = this.#heap;
    const entry = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, happen };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Happening)) break;
      heap[at] = heap[parent] as Happening;
      at = parent;
    }
    heap[at] = entry;
  }

  #next(): Happening | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Happening, heap[child] as Happening)) child++;
      if (!isBefore(heap[child] as Happening, last)) break;
      heap[at] = heap[child] as Happening;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  /** Something has happened; what is planned for this moment comes now. */
  step(): void {
    this.steps++;
    this.#onStep();
  }

  /** Runs until `isDone`, or until nothing is left to happen. Calls `onStep` after each step. */
  async run(isDone: () => boolean, onStep: () => void): Promise<void> {
    const restore = takeOverGlobals();
    this.#onStep = onStep;
    try {
      while (!isDone()) {
        const next = this.#next();
        if (!next) return;
        this.nowMs = Math.max(this.nowMs, next.atMs);
        next.happen();
        await new Promise((resolve) => real.setImmediate(resolve)); // all promises and ticks that follow are done then
        this.step();
      }
    } finally {
      restore();
    }
  }
}

const isBefore = (a: Happening, b: Happening): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** A computer: a disk, a clock on the wall, and whether it has power. */
export class Machine {
  readonly world: World;
  readonly name: string;
  readonly disk: Disk;
  /** How far its wall clock is off, ms. */
  skewMs = 0;
  hasPower = true;

  constructor(world: World, name: string, disk: Disk) {
    this.world = world;
    this.name = name;
    this.disk = disk;
  }
}

/** One life of a program on a machine. */
export class Program {
  readonly machine: Machine;
  readonly name: string;
  isAlive = true;
  /** Called when it dies, so that its sockets and locks are let go. `quietly`: its machine lost power. */
  readonly onDeath = new Set<(quietly: boolean) => void>();

  constructor(machine: Machine, name: string) {
    this.machine = machine;
    this.name = name;
  }

  get world(): World {
    return this.machine.world;
  }

  /** Runs code as this program, unless it is dead. */
  enter<T>(work: () => T): T | undefined {
    return this.isAlive ? here.run(this, work) : undefined;
  }

  /** Later, and only if it still lives: lets `work` happen in it. Returns a way to call it off. */
  after(delayMs: number, work: () => void): () => void {
    let isOff = false;
    this.world.after(delayMs, () => {
      if (!isOff) this.enter(work);
    });
    return () => {
      isOff = true;
    };
  }

  /** What the outside does for a program: the result comes after `delayMs`, or never if it is dead by then. */
  ask<T>(delayMs: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.after(delayMs, () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  die(quietly: boolean): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const gone of this.onDeath) gone(quietly);
  }
}

interface Timer {
  cancel(): void;
  unref(): Timer;
  ref(): Timer;
}

function timer(owner: Program, ms: number, work: () => void, repeats: boolean): Timer {
  let cancel = () => {};
  const start = () => {
    cancel = owner.after(Math.max(1, ms), () => {
      if (repeats) start();
      work();
    });
  };
  start();
  const self: Timer = { cancel: () => cancel(), unref: () => self, ref: () => self };
  return self;
}

const isOurs = (candidate: unknown): candidate is Timer => typeof (candidate as Timer | null)?.cancel === "function";

/** Timers, clocks and chance of code that runs in a program are its world's; everybody else's stay as they are. */
function takeOverGlobals(): () => void {
  const globals = globalThis as unknown as Record<string, unknown>;
  const set = (repeats: boolean, otherwise: typeof setTimeout) =>
    function start(work: (...values: unknown[]) => void, ms = 1, ...values: unknown[]): unknown {
      const owner = here.getStore();
      return owner ? timer(owner, ms, () => work(...values), repeats) : otherwise(work, ms, ...values);
    };
  const clear = (otherwise: typeof clearTimeout) => (started: unknown) =>
    isOurs(started) ? started.cancel() : otherwise(started as NodeJS.Timeout);
  globals.setTimeout = set(false, real.setTimeout);
  globals.setInterval = set(true, real.setInterval as typeof setTimeout);
  globals.setImmediate = (work: () => void) => {
    const owner = here.getStore();
    return owner ? owner.after(0, work) : real.setImmediate(work);
  };
  globals.clearTimeout = clear(real.clearTimeout);
  globals.clearInterval = clear(real.clearInterval);
  Math.random = () => here.getStore()?.world.random() ?? real.random();
  performance.now = () => here.getStore()?.world.nowMs ?? real.performanceNow();
  Date.now = () => {
    const owner = here.getStore();
    return owner ? Math.floor(EPOCH_MS + owner.world.nowMs + owner.machine.skewMs) : real.dateNow();
  };
  return () => {
    const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval } = real;
    Object.assign(globals, { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval });
    Math.random = real.random;
    performance.now = real.performanceNow;
    Date.now = real.dateNow;
  };
}
