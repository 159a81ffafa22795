/**
 * Puts the workshop's disk behind node:fs, for paths below /workshop-disk/. All other paths are served as before.
 *
 * The program that is tried imports `open`, `rename` and the others from node:fs as ever, and need not know.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Readable } from "node:stream";
import { type Disk, placeOf } from "./disk.ts";

/** The functions of node:fs/promises that serve our paths; the others are as they were. */
const SERVED = [
  ...["open", "readFile", "writeFile", "appendFile", "readdir", "mkdir", "rename", "link", "rm", "rmdir", "stat"],
] as const;
type Call = (path: string, ...rest: unknown[]) => unknown;

function serve(name: string, theirs: Call, serveOurs: (disk: Disk) => Call): Call {
  return (path, ...rest) => {
    const place = placeOf(path);
    if (!place) return theirs(path, ...rest);
    const other = name === "rename" || name === "link" ? [placeOf(rest[0])?.rest, ...rest.slice(1)] : rest;
    return serveOurs(place.disk).call(place.disk, place.rest, ...other);
  };
}

/** Puts the disk behind node:fs, once for this process. */
export function installDisk(): void {
  const promises = fs.promises as unknown as Record<string, Call>;
  for (const name of SERVED)
    promises[name] = serve(name, promises[name] as Call, (disk) => disk[name as "stat"] as unknown as Call);
  promises.unlink = serve("unlink", promises.unlink as Call, (disk) => disk.rm as unknown as Call);
  const whole = fs as unknown as Record<string, Call>;
  whole.createReadStream = serve("read", whole.createReadStream as Call, (disk) => (path, options) => {
    return Readable.from(disk.createReadStream(path, options as object), { objectMode: false });
  });
  syncBuiltinESMExports();
}
