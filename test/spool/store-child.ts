/** Stores a few files one after the other and says on standard error, by one write each, when one is said to be stored. */
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { store } from "./subject.ts";

const [folder, mode] = process.argv.slice(2) as [string, "fsync" | "none" | "late"];
const say = (text: string) => writeSync(2, text);

if (mode === "late") {
  // What our index must not do: take a write that can be seen for one that is on disk, and sync it afterwards.
  const file = openSync(join(folder, "index.mdb"), "a");
  const index = open({ path: join(folder, "index.mdb"), noSync: true });
  for (let number = 1; number <= 3; number++) {
    await index.put(number, "entry");
    say("stored\n");
    fdatasyncSync(file);
  }
  await index.close();
} else {
  const spool = await LocalSpool.open({ folder, durability: mode, inlineBytesMax: 1000, bufferBytes: 65_536 });
  for (const [number, size] of [500, 300_000, 0, 1001].entries()) {
    await store(spool, number, size);
    say("stored\n");
  }
  const { token } = (await spool.lease("default")) ?? { token: "" };
  await spool.ack(token);
  say("stored\n");
  await spool.close();
}
