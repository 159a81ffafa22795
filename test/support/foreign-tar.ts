/** Archives that other programs have packed, and that a sender of one's own sends as folders. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { send } from "../../src/net/send.ts";
import type { Place } from "./process-program.ts";

/** Whether a program is here and is the one that is meant. */
function isHere(command: string, says: RegExp): boolean {
  const { status, stdout, stderr } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status !== null && says.test(stdout + stderr);
}

export const TOOLS = {
  "GNU tar": isHere("tar", /GNU tar/),
  bsdtar: isHere("bsdtar", /bsdtar/),
  busybox: isHere("busybox", /./) && spawnSync("busybox", ["tar", "--help"]).status === 0,
  python3: isHere("python3", /Python 3/),
  git: isHere("git", /git version/),
};
for (const [tool, isThere] of Object.entries(TOOLS))
  if (!isThere) console.warn(`SKIPPED: archives of ${tool}, which is not here`);

/** Runs a line of shell in a folder; `$1` is the archive that it is to make. @returns the archive */
export function packed(folder: string, archive: string, line: string): Buffer {
  const { status, stderr } = spawnSync("sh", ["-c", line, "sh", archive], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${line}: ${stderr}`);
  return readFileSync(archive);
}

/** Sends archives as the folders that are in them, by name, in that order. */
export async function sendArchives(port: number, archives: Readonly<Record<string, Buffer>>): Promise<void> {
  const files = Object.entries(archives).map(([name, bytes]) => ({ name, kind: "tar", stream: once(bytes) }));
  const { stored } = await send({ port, files });
  if (stored !== files.length) throw new Error(`${stored} of ${files.length} archives were stored`);
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Where archives are made, beside what is packed. */
export const archiveIn = (place: Place, name: string): string => join(place.folder, `${name}.tar`);
