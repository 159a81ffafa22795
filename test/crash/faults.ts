/** Where the programs are killed. Each point is tried before and after the step that it names. */
import type { Kind } from "./program.ts";

export const POINTS: Readonly<Record<Kind, readonly string[]>> = {
  server: [
    ...["welcome", "accept", "progress", "stored", "deliver", "data", "acked", "empty"],
    ...["datasync", "writev", "sync", "rm"],
  ],
  sender: ["hello", "offer", "data", "finish", "bye"],
  receiver: [
    ...["hello", "want", "start", "ack", "bye"],
    ...["datasync", "writev", "append", "sync", "link", "unlink", "rename", "rm"],
  ],
};

export const KINDS: readonly Kind[] = ["server", "sender", "receiver"];

/** "before stored 2", or "" for a kill at a random moment. */
export type Fault = string;

/** All points, each before and after, for one program. */
export const faultsOf = (kind: Kind): string[] =>
  POINTS[kind].flatMap((point) => [`before ${point}`, `after ${point}`]);
