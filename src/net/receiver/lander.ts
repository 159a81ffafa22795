/**
 * What a receiver needs of a landing: the target folder itself (landing.ts), or something that stands in front of it or in
 * its place, as a hook and a sink do (net/extensions).
 */
import type { Landing } from "./landing.ts";
import type { Delivered } from "./part-file.ts";

/** What a receiver needs of a landing. */
export type Lander = Pick<
  Landing,
  | ("folder" | "sync" | "openMax" | "batchMax" | "room" | "recover" | "check" | "land")
  | ("landedBefore" | "confirm" | "confirmRest" | "close")
> & { folderFor(delivery: Delivered): Promise<string> | string };
