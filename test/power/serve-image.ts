/** Starts the real server on an image and lets real receivers collect what is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createDigest } from "../../src/disk/digest.ts";
import { Program } from "../crash/program.ts";
import type { Expected } from "./facts.ts";

/** @param work a folder for what is received; broken promises, one sentence each */
export async function serveImage(spool: string, expected: readonly Expected[], work: string): Promise<string[]> {
  let heard = () => {};
  const server = new Program("server", ["--port", "0", "--spool", spool], work, "", false, () => heard());
  const broken: string[] = [];
  try {
    await new Promise<void>((resolve) => {
      heard = () => (server.isOver || server.all("listening").length > 0) && resolve();
    });
    if (server.isOver) return [`the server does not start: ${server.stderr}`];
    for (const queue of new Set(expected.map(({ queue }) => queue)))
      broken.push(...(await collect(server.all("listening")[0]?.port as number, queue, expected, work)));
  } finally {
    server.kill();
    await server.ended;
  }
  return broken;
}

async function collect(port: number, queue: string, expected: readonly Expected[], work: string): Promise<string[]> {
  const out = join(work, `out ${queue}`);
  const words = ["--port", String(port), "--queue", queue, "--out", out];
  const receiver = new Program("receiver", words, work, "", false, () => {});
  const ending = await receiver.ended;
  const broken = ending === 0 ? [] : [`the receiver ended with ${ending}: ${receiver.stderr}`];
  const files = new Map(expected.filter((each) => each.queue === queue).map((each) => [each.name, each]));
  const names = existsSync(out) ? readdirSync(out) : [];
  for (const name of names) {
    const file = files.get(name);
    const digest = createDigest("blake3");
    digest.update(readFileSync(join(out, name)));
    if (!file?.places.includes("waiting")) broken.push(`${name} was served, and should not be there`);
    else if (digest.hex() !== file.digest) broken.push(`damaged: ${name} was served`);
  }
  for (const { name, places } of files.values())
    if (places.every((place) => place === "waiting") && !names.includes(name))
      broken.push(`lost: ${name} was not served`);
  return broken;
}
