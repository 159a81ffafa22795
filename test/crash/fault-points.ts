/**
 * Loaded into a program before everything else (`--import`): kills it at a named point of its work.
 *
 * FILESPOOL_FAULT is "before stored 3": the third time the program is about to put a `stored` frame into its socket, it
 * is gone. "after" lets the step happen first. Points are frames by their names, and steps on the disk:
 *
 *   datasync  content or journal to disk       writev   a batch of content       append   lines of the journal
 *   sync      a folder's names to disk         link     a file gets its name     unlink   its part goes
 *   rename    a journal gets its name          rm       content or journal goes
 *   place     a folder gets its name, or a file replaces another
 *
 * The program itself knows nothing of this: what is wrapped is Node's own sockets and files.
 */
import fs from "node:fs";
import promises, { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { promisify } from "node:util";
import { FRAMES, HEADER_BYTES, MAGIC } from "../../src/protocol/frame.ts";

const [when = "", point = "", nth = "1"] = (process.env.FILESPOOL_FAULT ?? "").split(" ");
let left = Number(nth);

/** True when this is the time. */
const isDue = (here: string): boolean => here === point && --left === 0;
const die = (): void => void process.kill(process.pid, "SIGKILL");

type AnyMethod = (this: unknown, ...values: never[]) => Promise<unknown>;

/** Puts the point around a step on the disk. */
function around(here: string, step: AnyMethod): AnyMethod {
  return async function (...values) {
    const due = isDue(here);
    if (due && when === "before") die();
    const result = await step.apply(this, values);
    if (due) die();
    return result;
  };
}

type AnyCall = (...values: never[]) => unknown;

const aroundSync =
  (here: string, step: AnyCall): AnyCall =>
  (...values) => {
    const due = isDue(here);
    if (due && when === "before") die();
    const result = step(...values);
    if (due) die();
    return result;
  };

async function wrapFiles(): Promise<void> {
  const handle = await open("/dev/null", "r");
  const files = Object.getPrototypeOf(handle) as Record<string, AnyMethod>;
  await handle.close();
  const methods = { datasync: "datasync", sync: "sync", writev: "writev", appendFile: "append" };
  for (const [method, here] of Object.entries(methods)) files[method] = around(here, files[method] as AnyMethod);
  const calls = promises as unknown as Record<string, AnyMethod>;
  for (const call of ["rename", "rm"]) calls[call] = around(call, calls[call] as AnyMethod);
  const waiting = fs as unknown as Record<string, AnyCall>;
  for (const call of ["link", "unlink"]) waiting[`${call}Sync`] = aroundSync(call, waiting[`${call}Sync`] as AnyCall);
  waiting.renameSync = aroundSync("place", waiting.renameSync as AnyCall);
  const datasync = around("datasync", promisify(fs.fdatasync) as AnyMethod) as (fd: number) => Promise<void>;
  const fdatasync = (fd: number, done: (error: Error | null) => void) => void datasync(fd).then(() => done(null), done);
  Object.assign(fs, { fdatasync });
  syncBuiltinESMExports();
}

/** The types of the frames that begin in what is written: one behind the other, the last perhaps without its payload. */
function typesIn(written: Uint8Array | string): number[] {
  if (typeof written === "string") return []; // standard output, when it is a pipe
  const bytes = Buffer.from(written.buffer, written.byteOffset, written.length);
  const types: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length && bytes.readUInt16BE(at) === MAGIC; ) {
    types.push(bytes[at + 2] as number);
    at += HEADER_BYTES + bytes.readUInt32BE(at + 4);
  }
  return types;
}

function wrapSockets(): void {
  const name = Object.entries(FRAMES).find(([frame]) => frame === point);
  if (!name) return;
  const [, type] = name;
  const { write } = Socket.prototype;
  Socket.prototype.write = function (this: Socket, bytes: never, ...rest: never[]) {
    if (!typesIn(bytes).some((found) => found === type && isDue(point))) return write.call(this, bytes, ...rest);
    if (when === "before") die();
    const isTaken = write.call(this, bytes, ...rest);
    // A large payload is written next, in the same turn; once all of it has left, it is over.
    setImmediate(() => write.call(this, new Uint8Array(0) as never, die as never));
    return isTaken;
  };
}

if (point) {
  wrapSockets();
  await wrapFiles();
}
