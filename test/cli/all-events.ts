/** One event of each kind, and text that no terminal may obey. */

import type { Line } from "../../src/cli/report/event-text.ts";
import type { ServerEvent, TransferEvent } from "../../src/net/events.ts";

export const about = { transfer: "0".repeat(32), queue: "default", name: "a.txt", size: 2048 };
export const digest = "d";
/** What a terminal would obey, or show in a way that misleads. */
export const HOSTILE = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

export const TRANSFERS: TransferEvent[] = [
  { event: "connected", host: "::1", port: 1, server: "s", durability: "fsync" },
  { event: "offered", path: "x/a.txt", ...about },
  { event: "resumed", offset: 1024, ...about },
  { event: "progress", offset: 1024, ...about },
  { event: "stored", digest, repeated: false, collected: false, ...about },
  { event: "stored", digest, repeated: true, collected: false, ...about },
  { event: "stored", digest, repeated: true, collected: true, ...about },
  { event: "delivered", digest, attempt: 1, ...about },
  { event: "landed", digest, path: "out/a.txt", skipped: false, ...about },
  { event: "landed", digest, path: "out/a.txt", skipped: true, ...about },
  { event: "acked", ...about },
  { event: "collected", digest, collectedAtMs: 1_700_000_000_000, ...about },
  { event: "collected", digest, collectedAtMs: null, ...about },
  { event: "outstanding", state: "leased", ...about },
  { event: "refused", code: "name-refused", message: "no", ...about },
  { event: "refused", code: "file-unreadable", message: "no", path: "gone.txt" },
  { event: "refused", code: "internal", message: "no" },
  { event: "retrying", delayMs: 1500, attempt: 2, code: "connection-lost", message: "gone" },
];
export const peer = "127.0.0.1:9";
export const SERVERS: ServerEvent[] = [
  { event: "listening", host: "localhost", port: 5011 },
  { event: "connected", role: "sender", connection: 1, peer },
  { event: "connected", role: "receiver", connection: 1, peer, queue: "q" },
  { event: "disconnected", role: "sender", connection: 1, peer },
  { event: "disconnected", role: "sender", connection: 1, peer, code: "timed-out", message: "silent" },
  { event: "resumed", connection: 1, peer, offset: 1024, ...about },
  { event: "stored", connection: 1, peer, digest, repeated: false, ...about },
  { event: "stored", connection: 1, peer, digest, repeated: true, ...about },
  { event: "delivered", connection: 1, peer, attempt: 1, ...about },
  { event: "acked", connection: 1, peer, ...about },
  { event: "refused", connection: 1, peer, code: "disk-full", message: "full", ...about },
  { event: "returned", connection: 1, peer, reason: "lease", dead: false, ...about },
  { event: "returned", connection: 1, peer, reason: "lease", dead: true, ...about },
  { event: "connected", role: "operator", connection: 1, peer },
  { event: "cancelled", connection: 1, peer, ...about },
  { event: "requeued", connection: 1, peer, queue: "q", files: 1 },
  { event: "purged", connection: 1, peer, queue: "q", files: 2, deadOnly: true },
  { event: "error", code: "internal", message: "oops" },
  { event: "returned", connection: 0, peer: "", reason: "too late", dead: false, ...about },
  { event: "draining", connections: 1 },
  { event: "draining", connections: 0 },
];

export const shown = (told: Line | null): string =>
  Object.values({ ...told, ...(told && { text: told.text() }) }).join("|");
