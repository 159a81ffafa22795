/** How much memory this process really needs at a moment, for laws about bounds. */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes in use after the garbage is gone, buffers outside the heap included. */
export async function usedBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await setImmediate(); // buffers go a turn after the objects that held them
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
