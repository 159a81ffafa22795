/**
 * The parts of a local spool, and how they are opened. One folder belongs to one process:
 *
 *   <folder>/lock          held by an advisory lock for as long as the server lives, kill -9 included
 *   <folder>/index.mdb     what is where (index.ts), and small content
 *   <folder>/reserve       room that only the index may use (disk-reserve.ts)
 *   <folder>/data/<id>     content that is too large for the index, finished or not (contents.ts)
 *
 * A part is handed what it uses and knows nothing of the whole. From the ground up:
 *
 *   index, contents  <-  room  <-  queues  <-  uploads        the store passes calls on to them (store.ts)
 *                                                             sweep and operators use several of them
 *
 * Opening recovers what a crash left: unfinished uploads go on, content that nothing points to is
 * removed, leases are simply gone. Why LMDB and files: adr/0013. Why parts: adr/0108.
 */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { fileError, makeFolder, syncFolder } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { SPOOL_LIMITS, type SpoolLimits } from "../contract.ts";
import { EndWatch } from "../end-watch.ts";
import { Contents } from "./contents.ts";
import { LocalIndex } from "./index.ts";
import { LocalQueues } from "./queues.ts";
import { Room } from "./room.ts";
import { LocalUploads } from "./uploads.ts";

export interface LocalSpoolOptions {
  /** Created when it is missing. */
  readonly folder: string;
  /**
   * "none" leaves syncing to the operating system: a power cut may then lose what
   * was reported stored.
   */
  readonly durability?: "fsync" | "none";
  /** Bytes gathered before one write to disk; a short frame at most (LIMITS). */
  readonly bufferBytes?: number;
  /** Content up to this size is kept inside the index. */
  readonly inlineBytesMax?: number;
  readonly limits?: Partial<SpoolLimits>;
  /**
   * Milliseconds since the epoch, for what must outlive a restart; tests hand in a clock
   * of their own.
   */
  readonly now?: () => number;
  /**
   * Milliseconds of a clock that nobody sets, for leases; `now` where that is given, else
   * the monotonic clock.
   */
  readonly ticks?: () => number;
}

export interface LocalParts {
  readonly folder: string;
  readonly durability: "fsync" | "none";
  /** One object for all parts: a server that reads its settings anew changes it in place. */
  readonly limits: SpoolLimits;
  readonly now: () => number;
  /** The open file of the lock. The system ends the lock when it is closed, by whatever way. */
  readonly lock: FileHandle;
  readonly index: LocalIndex;
  readonly contents: Contents;
  readonly room: Room;
  readonly ends: EndWatch;
  readonly queues: LocalQueues;
  readonly uploads: LocalUploads;
}

/**
 * Opens or creates a spool and recovers what a crash left.
 * @throws FilespoolError spool-locked: another server has it; spool-unusable: rights,
 * a newer format
 */
export async function openParts(options: LocalSpoolOptions): Promise<LocalParts> {
  const { folder, durability = "fsync" } = options;
  const sync = durability === "fsync";
  let lock: FileHandle | undefined;
  let index: LocalIndex | undefined;
  try {
    // Other users of the machine neither read what waits here nor put something in.
    for (const made of [folder, join(folder, "data")]) await makeFolder(made, sync, 0o700);
    lock = await open(join(folder, "lock"), "a");
    if (!tryLock(lock.fd)) throw new FilespoolError("spool-locked", `another server is using the spool ${folder}`);
    index = await LocalIndex.open(folder, sync);
    const parts = { ...assemble(options, index), durability, lock };
    await recover(parts, sync);
    return parts;
  } catch (error) {
    // The lock goes in any case: nobody could open this spool before the end of the process.
    try {
      await index?.close();
    } finally {
      await lock?.close();
    }
    throw fileError(error, `the spool ${folder}`);
  }
}

function assemble(options: LocalSpoolOptions, index: LocalIndex): Omit<LocalParts, "durability" | "lock"> {
  const { folder, now = Date.now, ticks = options.now ?? (() => performance.now()) } = options;
  const { bufferBytes = LIMITS.bufferBytesDefault, inlineBytesMax = LIMITS.pipelineBytesMax } = options;
  const sync = options.durability !== "none";
  const limits = { ...SPOOL_LIMITS, ...options.limits };
  const contents = new Contents(join(folder, "data"), sync);
  const room = new Room(folder, index, limits, inlineBytesMax);
  const ends = new EndWatch();
  const queues = new LocalQueues({ index, contents, ends, limits, now, ticks });
  const uploads = new LocalUploads({ index, contents, room, queues, now, sync, bufferBytes, inlineBytesMax });
  return { folder, limits, now, index, contents, room, ends, queues, uploads };
}

/**
 * Before anybody else has the parts. The uploads come first, since their contents must not be
 * taken for rubbish.
 */
async function recover({ folder, index, contents, room, uploads }: LocalParts, sync: boolean): Promise<void> {
  uploads.recover();
  await contents.keepOnly((transfer) => index.find(transfer)?.collected === false || room.slots.has(transfer));
  if (sync) await syncFolder(folder);
  await room.look();
}
