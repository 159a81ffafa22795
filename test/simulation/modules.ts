/** Loads the real modules with a world of ours under them. The hooks count for what is imported after this. */
import { register } from "node:module";
import type { Modules } from "./run.ts";

export async function simulatedModules(): Promise<Modules> {
  register("./hooks.mjs", import.meta.url);
  const addressOf = (path: string) => new URL(`../../src/${path}`, import.meta.url).href;
  const load = (path: string) => import(`${addressOf(path)}?simulated`);
  /** What is imported on demand, by address; see hooks.mjs. */
  const onDemand = new Map<string, Promise<unknown>>();
  const simulatedImport = (address: string) => {
    const loaded = onDemand.get(address);
    if (!loaded) throw new Error(`test/simulation/modules.ts does not load ${address}`);
    return loaded;
  };
  Object.assign(globalThis, { simulatedImport });
  for (const path of ["net/extensions/trust/tls.ts", "net/extensions/hook/hooked-landing.ts"])
    onDemand.set(addressOf(path), Promise.resolve(await load(path)));
  const { createServer } = await load("net/create-server.ts");
  const { send } = await load("net/send.ts");
  const { receive } = await load("net/receive.ts");
  const { LocalSpool } = await load("spool/local-spool.ts");
  return { createServer, send, receive, LocalSpool };
}
