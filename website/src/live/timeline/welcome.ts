/** What the halves of the server share, and the first thing that either of them says. */
import { LIMITS } from "../../../../src/protocol/limits.ts";
import type { MessageOf } from "../../../../src/protocol/messages.ts";
import type { MemorySpool } from "../../../../src/spool/memory-spool.ts";
import type { Scribe, Settings } from "./story.ts";
import type { World } from "./world.ts";

export interface ServerParts {
  readonly world: World;
  readonly scribe: Scribe;
  readonly settings: Settings;
  readonly spool: MemorySpool;
}

export function welcome({ spool }: ServerParts): MessageOf<"welcome"> {
  const { pipelineBytesMax, windowFiles, windowBytes, dataBytesMax } = LIMITS;
  const { leaseMs, fileBytesMax } = spool.limits;
  const bounds = { dataBytesMax, fileBytesMax, pipelineBytesMax, windowFiles, windowBytes, leaseMs };
  return {
    type: "welcome",
    version: 1,
    agent: "timeline",
    durability: "memory",
    digests: [...spool.digests],
    ...bounds,
  };
}
