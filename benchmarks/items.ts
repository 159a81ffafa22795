/** Small durable items by other stores: what 4 KiB that are on disk before they are acknowledged cost elsewhere. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { open as openIndex } from "lmdb";
import { background, tempFolder } from "./programs.ts";
import type { Case, Skipped } from "./types.ts";

const BYTES = 4096;
const IN_FLIGHT = 256;

/** Durable puts with 256 under way: what LMDB gives when nothing is around it. Milliseconds. */
export async function rawIndex(path: string, count: number): Promise<number> {
  const options = { path, overlappingSync: false, eventTurnBatching: false, encoding: "binary" } as const;
  const index = openIndex<Buffer, [string, number]>(options);
  const value = randomBytes(BYTES);
  let next = 0;
  const begunMs = performance.now();
  const work = async () => {
    while (next < count) await index.put(["default", next++], value);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  const ms = performance.now() - begunMs;
  await index.close();
  return ms;
}

/** Cases on the disk of `parent`. */
export async function itemCases(parent: string, count: number): Promise<{ cases: Case[]; skipped: Skipped[] }> {
  const folder = tempFolder(parent);
  const about = { group: `${count} items of 4 KiB disk`, bytes: count * BYTES, files: count, syncs: "each commit" };
  let runs = 0;
  const lmdb: Case = {
    ...{ ...about, key: "items/LMDB/disk", label: "LMDB, no network", checks: "nothing" },
    run: async () => ({ ms: await rawIndex(join(folder, `lmdb-${runs++}`), count), usage: {} }),
  };
  const nats = "Debian's nats-server 2.9 cannot sync each message (sync_interval: always came later)";
  const skipped: Skipped[] = [{ name: "NATS JetStream", reason: nats }];
  if (!existsSync("/usr/bin/redis-server")) {
    return { cases: [lmdb], skipped: [...skipped, { name: "Redis", reason: "redis-server is not installed" }] };
  }
  const socket = join(folder, "redis.sock");
  mkdirSync(join(folder, "redis"));
  const flags = { port: "0", unixsocket: socket, dir: join(folder, "redis"), appendonly: "yes", appendfsync: "always" };
  const words = Object.entries({ ...flags, save: "" }).flatMap(([name, value]) => [`--${name}`, value]);
  await background(["redis-server", ...words], /ready to accept connections/i);
  const redis: Case = {
    ...{ ...about, key: "items/Redis/disk", label: "Redis, appendfsync always, Unix socket", checks: "nothing" },
    run: async () => ({ ms: await setItems(socket, count, runs++), usage: {} }),
  };
  return { cases: [lmdb, redis], skipped };
}

/** SETs through one connection, as many under way as for LMDB. Milliseconds. */
function setItems(path: string, count: number, run: number): Promise<number> {
  const value = randomBytes(BYTES);
  const client = connect(path);
  let [sent, answered] = [0, 0];
  const begunMs = performance.now();
  const ask = () => {
    for (; sent < count && sent - answered < IN_FLIGHT; sent++) {
      const key = `${run}-${sent}`;
      client.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${BYTES}\r\n`);
      client.write(value);
      client.write("\r\n");
    }
  };
  return new Promise((done, failed) => {
    client.on("error", failed).on("data", (text) => {
      if (text.includes("-ERR")) failed(new Error(text.toString()));
      for (const byte of text) answered += byte === 0x0a ? 1 : 0; // each answer is "+OK\r\n"
      ask();
      if (answered < count) return;
      client.destroy();
      done(performance.now() - begunMs);
    });
    ask();
  });
}
