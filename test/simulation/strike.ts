/** Lets a planned fault happen, and ends it when its time is over. */
import type { Fault } from "./plan.ts";
import type { Machine, Program } from "./world.ts";

/** What only the run can do. */
export interface Hands {
  /** Asks the server to stop in good order. */
  stop(): Promise<void>;
  /** Starts what runs on a machine that has power again. */
  boot(): void;
  lostPower(): void;
}

const UNLIMITED = 2 ** 40;

export function strike({ kind, forMs }: Fault, machine: Machine, owner: Program | undefined, hands: Hands): void {
  const { disk, world } = machine;
  const links = () => world.network.linksOf(machine);
  switch (kind) {
    case "kill":
      owner?.die(false);
      break;
    case "power":
      if (machine.hasPower) losePower(machine, owner, forMs, hands);
      break;
    case "restart":
      owner?.enter(() => void hands.stop());
      break;
    case "cut":
      for (const link of links()) link.reset();
      break;
    case "silence":
      world.network.silence(machine, forMs);
      break;
    case "damage":
      for (const link of links()) link.damages = true;
      break;
    case "slow":
      disk.slowMs = 100;
      world.after(forMs, () => {
        disk.slowMs = 1;
      });
      break;
    case "full":
      disk.capacity = disk.used;
      world.after(forMs, () => {
        disk.capacity = UNLIMITED;
      });
      break;
    case "unsynced":
      disk.syncsFail = true;
      world.after(forMs, () => {
        disk.syncsFail = false;
      });
      break;
    case "clock":
      machine.skewMs += forMs;
  }
}

function losePower(machine: Machine, owner: Program | undefined, forMs: number, hands: Hands): void {
  machine.hasPower = false;
  owner?.die(true);
  machine.disk.losePower();
  hands.lostPower();
  machine.world.after(forMs, () => {
    machine.hasPower = true;
    hands.boot();
  });
}
