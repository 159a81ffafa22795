/** Page 9: each program is killed at each of its calls to the disk that change a name. Every file lands once. */
import { type Disk, PowerCut } from "../world/disk.ts";
import { contentOf } from "../world/spool.ts";
import { INBOX, World } from "../world/world.ts";
import { broken, expect, type Laws, type Load } from "./law.ts";

const FILES = [1, 2];
const CHANGES_A_NAME = /^(?:rename|link|rm|mkdir|rmdir) /;
type Side = "server" | "client";

export async function laws(load: Load): Promise<Laws> {
  const diskOf = (world: World, side: Side): Disk => (side === "server" ? world.serverDisk : world.clientDisk);

  function putFiles(world: World): void {
    for (const number of FILES) world.clientDisk.put(`out/${number}.txt`, contentOf(number));
  }

  const paths = FILES.map((number) => `out/${number}.txt`);

  /** Sends and collects. It throws what ended the programs before they were done. */
  async function run(world: World): Promise<void> {
    const [unsent] = await world.send(...paths);
    if (unsent) throw unsent;
    const [unlanded] = await world.receive();
    if (unlanded) throw unlanded;
  }

  /** The calls of one side that change a name, in a run that nobody disturbs. */
  async function namingCalls(side: Side): Promise<string[]> {
    const world = await World.start(load);
    putFiles(world);
    const calls = diskOf(world, side).calls.length;
    await run(world);
    world.end();
    return diskOf(world, side)
      .calls.slice(calls)
      .filter((call) => CHANGES_A_NAME.test(call));
  }

  /** Kills one side when it is about to make its `count`-th call that changes a name, or right after it. */
  async function killAt(side: Side, count: number, isAfter: boolean): Promise<World> {
    const world = await World.start(load);
    putFiles(world);
    const disk = diskOf(world, side);
    let [seen, isDue] = [0, false];
    disk.before = (call) => {
      const isIt = CHANGES_A_NAME.test(call) && seen++ === count;
      // It dies before this call, or before the one that comes next.
      if ((isIt && !isAfter) || isDue) world.end();
      if (isIt && isAfter) isDue = true;
      return undefined;
    };
    await run(world).catch((error: Error) => {
      let cause: unknown = error;
      while (cause instanceof Error && cause.cause) ({ cause } = cause);
      if (!disk.isCut && !(cause instanceof PowerCut)) throw error;
    });
    world.end();
    return world;
  }

  /** For each kill: the programs start again, and then each file has landed once and whole. */
  async function afterEachKill(side: Side, look: (world: World) => Promise<World>): Promise<void> {
    const calls = await namingCalls(side);
    expect(calls.length > 0, `the ${side} never changes a name on its disk`);
    for (const [count, call] of calls.entries())
      for (const isAfter of [false, true]) {
        const where = `the ${side} was killed ${isAfter ? "after" : "before"} "${call.replaceAll(/[0-9a-f]{32}/g, "<id>")}"`;
        const world = await killAt(side, count, isAfter);
        const next = await look(world);
        next.told.push(...world.told);
        await run(next).catch((error: Error) => broken(`${where}, and then: ${error.message}`));
        // A second run of each finds nothing to do.
        await run(next).catch((error: Error) => broken(`${where}, and in the end: ${error.message}`));
        const seen = [...next.landed(), ...moved].map(([name, text]) => `${name}: ${text}`).sort();
        moved.clear();
        const wanted = FILES.map((number) => `${number}.txt: ${contentOf(number)}`);
        if (seen.join() !== wanted.join()) broken(`${where}, and there is ${seen.join(", ") || "nothing"}`);
        expect(next.queues.waiting("default") === 0, `${where}, and a file waits for ever`);
        next.end();
      }
  }

  const restart = (world: World) => world.restart("killed");

  /** What somebody has moved out of the inbox. */
  const moved = new Map<string, string>();

  return {
    "the server is killed at each change of a name, and each file lands once": () => afterEachKill("server", restart),

    "sender and receiver are killed at each change of a name, and each file lands once": () =>
      afterEachKill("client", restart),

    "also when somebody moves what has landed before the receiver comes back": () =>
      afterEachKill("client", async (world) => {
        const next = await restart(world);
        for (const [name, text] of next.landed()) {
          moved.set(name, text);
          next.clientDisk.take(`${INBOX}/${name}`);
        }
        return next;
      }),

    "the power fails for everybody at each change of a name, and each file lands once": () =>
      afterEachKill("client", (world) => world.restart("power cut")),
  };
}
