/**
 * What a single file keeps beside its content: its permission bits and its time of change.
 *
 * Both came with the delivery, so a stranger chose them. The invariant, for every file that lands:
 *
 *   bits at the final name <= bits at the sender (group and others), and <= what the umask allows
 *
 * The system applies the umask when a file is created. So the part file is created with the
 * sender's bits, and nobody has to read the umask, which Node can do only by changing it for a
 * moment. The part of a private file is private from its first byte on. Two bits are special. The
 * owner may always read, because that user has just fetched the content. The owner may write until
 * all is written; a file that was read-only at the sender becomes read-only at the end.
 *
 * Bits and time are set on the open part file, before the sync that step 1 of landing.ts promises.
 * So no power cut keeps the name and loses the bits. A disk that keeps neither still keeps the
 * content: that is a warning, and no failure.
 *
 * Never here: folders, whose archives hold both for each entry (tar-unpack.ts). Why: adr/0098.
 */
import { fchmodSync, fstatSync, fsync, futimesSync } from "node:fs";
import { type Moment, momentFrom, setTime } from "../../disk/file-times.ts";
import type { MessageOf } from "../../protocol/messages.ts";

/** Which of the two a receiver keeps. */
export type Preserve = "none" | "mode" | "time" | "all";

const [OWNER_READS, OWNER_WRITES] = [0o400, 0o200];
/** The bits of a new file when nobody says which it should have. The umask takes off some. */
const USUAL = 0o666;
/** How disks say that they keep no modes. Some of them (exFAT) report success and do nothing. */
export const NO_MODES: ReadonlySet<string> = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/** What one file is to keep. */
export class FileAttributes {
  /** The bits to have in the end; null: keep those of a new file. */
  readonly #mode: number | null;
  /** The time of change to have; null: that of the last write. */
  readonly #time: Moment | null;
  readonly #warn: (what: "mode" | "time", message: string) => void;

  /** @param warn hears what this disk does not keep */
  constructor(
    { kind = "file", mode, mtime }: Pick<MessageOf<"deliver">, "kind" | "mode" | "mtime">,
    preserve: Preserve,
    warn: (what: "mode" | "time", message: string) => void,
  ) {
    const keeps = (what: Preserve) => kind === "file" && (preserve === what || preserve === "all");
    // On Windows a mode says only whether a file is writable, and not by whom.
    const hasMode = mode !== undefined && process.platform !== "win32";
    this.#mode = hasMode && keeps("mode") ? mode | OWNER_READS : null;
    this.#time = mtime !== undefined && keeps("time") ? momentFrom(mtime) : null;
    this.#warn = warn;
  }

  /** The bits with which the part file is created, before the umask. */
  get createMode(): number {
    return this.#mode === null ? USUAL : this.#mode | OWNER_WRITES;
  }

  /**
   * Sets both on a part file that has all of its content. It has set them when it returns; the
   * promise only waits for a second look at an unusual time.
   * @returns whether anything was set, so that `syncAll` is needed
   * @throws what the file system said, unless it is that it keeps no such thing
   */
  async set(fd: number): Promise<boolean> {
    const hasChanged = this.#mode !== null && this.#setMode(fd, this.#mode);
    if (!this.#time) return hasChanged;
    // Synchronous: a trip through the thread pool takes longer.
    const set = async (time: string) => futimesSync(fd, time, time);
    const why = await setTime(this.#time, set, async () => fstatSync(fd));
    if (why !== null) this.#warn("time", why);
    return true;
  }

  /** Takes bits off; the umask was applied at the start. Nearly every file is right already. */
  #setMode(fd: number, mode: number): boolean {
    const has = fstatSync(fd).mode & 0o777;
    const wanted = has & mode;
    if (has === wanted) return false;
    try {
      fchmodSync(fd, wanted);
    } catch (error) {
      if (!NO_MODES.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
    if ((fstatSync(fd).mode & 0o777) !== wanted)
      this.#warn("mode", "this disk keeps no mode (permission bits), for this file or any other");
    return true;
  }
}

/**
 * Syncs everything, mode and time included. A sync of data (fdatasync) may leave those out, because
 * they are not needed to read the content.
 */
export const syncAll = (fd: number): Promise<void> =>
  new Promise((done, fail) => fsync(fd, (error) => (error ? fail(error) : done())));
