/**
 * The sweep: buffer size by file size by durability by place, each case one trip of whole commands through a fresh server.
 *
 * A small size is a batch of files in one `send`, since nobody waits for a single one. With TLS, the server makes itself a
 * certificate and the clients check it as one of an authority, so a handshake with its signatures is in each command.
 */
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { formatSize } from "./format.ts";
import { filespool, serve, tempFolder } from "./programs.ts";
import type { Case, Place, Sample } from "./types.ts";

const MiB = 1024 * 1024;

/** Files in one run of a case. */
export const filesOf = (bytes: number): number => (bytes <= 64 * 1024 ? 2000 : bytes <= 4 * MiB ? 64 : 1);

export interface Sweep {
  readonly bufferBytes: readonly number[];
  readonly fileBytes: readonly number[];
  readonly durabilities: readonly string[];
  readonly tls: readonly Tls[];
  readonly places: readonly Place[];
}

export type Tls = "off" | "on";

/** Files of chance, made once for all cases of one size and place. */
export class Sources {
  readonly #made = new Map<string, { folder: string; names: string[] }>();
  readonly #folderOf: (place: Place) => string;

  constructor(folderOf: (place: Place) => string) {
    this.#folderOf = folderOf;
  }

  of(bytes: number, place: Place): { folder: string; names: string[] } {
    const key = `${bytes} ${place}`;
    const before = this.#made.get(key);
    if (before) return before;
    const folder = join(this.#folderOf(place), `source-${bytes}`);
    mkdirSync(folder, { recursive: true });
    const names = Array.from({ length: filesOf(bytes) }, (_, index) => `f${index}`);
    const block = randomBytes(Math.min(bytes, 4 * MiB));
    for (const [index, name] of names.entries()) {
      block.writeUInt32BE(index);
      const fd = openSync(join(folder, name), "w");
      for (let at = 0; at < bytes; at += block.length) writeSync(fd, block, 0, Math.min(block.length, bytes - at));
      closeSync(fd);
    }
    const made = { folder, names };
    this.#made.set(key, made);
    return made;
  }
}

/** All cases of a sweep. `folderOf` gives the folder of a place; new runs make new folders in it. */
export function sweepCases(sweep: Sweep, sources: Sources, folderOf: (place: Place) => string): Case[] {
  const cases: Case[] = [];
  for (const place of sweep.places)
    for (const fileBytes of sweep.fileBytes)
      for (const durability of sweep.durabilities)
        for (const [tls, bufferBytes] of sweep.tls.flatMap((tls) => sweep.bufferBytes.map((n) => [tls, n] as const))) {
          const [file, buffer] = [formatSize(fileBytes), formatSize(bufferBytes)];
          cases.push({
            key: `filespool/${file}/${buffer}/${durability}/tls-${tls}/${place}`,
            group: `${file} ${place}`,
            label: `filespool, buffer ${buffer}, ${durability}${tls === "on" ? ", TLS" : ""}`,
            bytes: fileBytes * filesOf(fileBytes),
            files: filesOf(fileBytes),
            checks: "frames, and a digest per hop",
            syncs: durability === "none" ? "nothing" : place === "disk" ? "both ends" : "both ends, free on tmpfs",
            run: () => trip(sources.of(fileBytes, place), bufferBytes, durability, tls, folderOf(place)),
          });
        }
  return cases;
}

/** Sends files through a server of their own and collects them. */
async function trip(
  source: { folder: string; names: readonly string[] },
  bufferBytes: number,
  durability: string,
  tls: Tls,
  parent: string,
): Promise<Sample> {
  const folder = tempFolder(parent);
  const how = ["--buffer-size", String(bufferBytes)];
  const encrypt = tls === "on" ? ["--tls"] : [];
  const server = await serve(["--spool", join(folder, "spool"), "--durability", durability, ...how, ...encrypt]);
  const trust = tls === "on" ? ["--tls-ca", join(folder, "spool", "tls", "cert.pem")] : [];
  const to = ["--port", server.port, "--quiet", ...how, ...trust];
  const sender = await filespool(["send", ...source.names, ...to], folder, source.folder);
  const receive = ["receive", "--out", join(folder, "out"), "--durability", durability, ...to];
  const receiver = await filespool(receive, folder);
  const cpuMs = server.cpuMs();
  const { peakBytes } = await server.stop();
  if (source.names.length <= 64) rmSync(folder, { recursive: true }); // many small ones stay until the end (programs.ts)
  return {
    ms: sender.ms + receiver.ms,
    uploadMs: sender.ms,
    downloadMs: receiver.ms,
    usage: { server: { cpuMs, peakBytes }, sender: used(sender), receiver: used(receiver) },
  };
}

const used = ({ cpuMs, peakBytes }: { cpuMs: number; peakBytes: number }) => ({ cpuMs, peakBytes });
