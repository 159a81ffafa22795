/** Loads the real modules with a world of ours under them. The hooks count for what is imported after this. */
import { register } from "node:module";
import type { Modules } from "./run.ts";

export async function simulatedModules(): Promise<Modules> {
  register("./hooks.mjs", import.meta.url);
  const load = (path: string) => import(new URL(`../../src/${path}?simulated`, import.meta.url).href);
  const { createServer } = await load("net/server.ts");
  const { send } = await load("net/sender.ts");
  const { receive } = await load("net/receiver.ts");
  const { LocalSpool } = await load("spool/local.ts");
  return { createServer, send, receive, LocalSpool };
}
