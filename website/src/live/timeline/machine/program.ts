/**
 * One run of a program on a simulated machine: what has a clock, a disk, chance, and an end that may come at any moment.
 *
 * A program only ever goes on because an event of the world wakes it: a timer, a disk that is done, bytes that arrive.
 * What it does then, promises included, is over before the next event (world.ts). So there is always one program that is
 * meant when code of minimal/ asks for the time or opens a file: `running()`. A program that was killed is not woken any
 * more; what it was waiting for stays undone, as with SIGKILL. Invariant: after `kill`, nothing of it happens.
 */
import type { Scribe, Who } from "../story.ts";
import type { World } from "../world.ts";
import type { Disk } from "./disk.ts";

export interface Machine {
  readonly who: Who;
  readonly world: World;
  readonly scribe: Scribe;
  readonly disk: Disk;
  /** What one read gives at most. */
  readonly bufferBytes: number;
}

let current: Program | null = null;

/** The program whose turn it is. */
export function running(): Program {
  if (!current?.isAlive) throw new Error("nothing of the simulation is running now");
  return current;
}

export class Program {
  readonly machine: Machine;
  isAlive = true;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** It goes on, if it still lives. */
  wake(work: () => void): void {
    if (!this.isAlive) return;
    current = this;
    work();
  }

  after(ms: number, work: () => void): void {
    this.machine.world.after(ms, () => this.wake(work));
  }

  pause(ms: number): Promise<void> {
    return new Promise((done) => this.after(ms, done));
  }

  kill(): void {
    this.isAlive = false;
  }
}
