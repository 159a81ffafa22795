/** A process that holds a spool, until it is killed: "hold" does no more than that, "upload" sends a large file. */
import { writeSync } from "node:fs";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { begin, contentOf, offerOf, store } from "./subject.ts";

const [folder, what, bytes] = process.argv.slice(2) as [string, "hold" | "upload", string];
const say = (line: string) => writeSync(1, `${line}\n`);

const spool = await LocalSpool.open({ folder, bufferBytes: 256 * 1024, limits: { diskFreeBytesMin: 0 } });
process.stdin.resume(); // stays until it is killed, or its parent is gone
process.stdin.on("end", () => process.exit());
if (what === "upload") {
  await store(spool, 1, 100);
  await store(spool, 2, 100_000);
  const content = contentOf(Number(bytes), 3);
  const watcher = { onDurable: (offset: number) => void say(`${offset}`), onSuperseded: () => {} };
  const upload = await begin(spool, offerOf(3, content.length), watcher);
  for (let at = 0; at < content.length; at += 50_000) await upload.append(at, [content.subarray(at, at + 50_000)]);
}
say("ready");
