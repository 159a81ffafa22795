/**
 * What a receiver needs of a landing. The target folder itself (landing.ts) is one. A hook stands
 * in front of it, and a sink in its place (extensions/hook, extensions/sink).
 *
 * Never here: any code. The contract of each member is in landing.ts.
 */
import type { Landing } from "./landing.ts";
import type { Delivered } from "./part-file.ts";

/** The members of Landing that a receiver calls. A sink may have to wait for its folder. */
export type Lander = Pick<
  Landing,
  | ("folder" | "sync" | "openMax" | "batchMax" | "room" | "recover" | "check" | "land")
  | ("landedBefore" | "confirm" | "confirmRest" | "close")
> & { folderFor(delivery: Delivered): Promise<string> | string };
