/**
 * minimal/main.ts, killed at one call of the file system: CRASH_AT is "rename 2 before" or "link 1 after".
 *
 * The call is wrapped from outside, so that the programs have no test code in them. SIGKILL comes before the call is made
 * or when the kernel has done it, and nobody hears of it any more.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [name = "", nth = "", moment] = (process.env.CRASH_AT ?? "").split(" ");
const calls = fs.promises as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
const real = calls[name];
let count = 0;
if (real) {
  calls[name] = async (...given) => {
    const isIt = ++count === Number(nth);
    if (isIt && moment === "before") process.kill(process.pid, "SIGKILL");
    const result = await real(...given);
    if (isIt && moment === "after") process.kill(process.pid, "SIGKILL");
    return result;
  };
  syncBuiltinESMExports();
}
await import("../../minimal/main.ts");
