/**
 * What a single file keeps beside its content: its permission bits and its time of change.
 *
 * Both came with the delivery, so a stranger chose them. This holds for every file that lands:
 *
 *   bits at the final name <= bits at the sender, for group and others, and <= what this user's umask allows
 *
 * The system applies the umask when a file is created, so the part is created with the sender's bits, and nobody has to ask
 * for the umask, which Node can tell only by changing it for a moment. From its first byte on, the part of a private file is as
 * private as that file. Two bits are special. The owner always may read, since it is he who has just fetched the content. And
 * the owner may write until all is written; a file that was read-only at the sender becomes so at the end.
 *
 * Bits and time are set on the open part, before the sync that step 1 of landing.ts promises: no power cut keeps the name
 * and loses the bits. A disk that keeps neither still keeps the content, so that is told and is no failure.
 *
 * Never here: folders, whose archives say both of each entry (tar-unpack.ts). Why: adr/0098.
 */
import { fchmodSync, fstatSync, fsync, futimesSync } from "node:fs";
import { type Moment, momentFrom, setTime } from "../../disk/file-times.ts";
import type { MessageOf } from "../../protocol/messages.ts";

/** What a receiver keeps of the two. */
export type Preserve = "none" | "mode" | "time" | "all";

const [OWNER_READS, OWNER_WRITES] = [0o400, 0o200];
/** What a file is created with when nobody says which bits it should have; the umask takes off the rest. */
const USUAL = 0o666;
/** How disks say that they keep no modes; some of them (exFAT) say nothing, and do nothing. */
export const NO_MODES: ReadonlySet<string> = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/** What one file is to keep. */
export class FileAttributes {
  readonly #mode: number | null;
  readonly #time: Moment | null;
  readonly #warn: (what: "mode" | "time", message: string) => void;

  /** @param warn is told of what this disk does not keep */
  constructor(
    { kind = "file", mode, mtime }: Pick<MessageOf<"deliver">, "kind" | "mode" | "mtime">,
    preserve: Preserve,
    warn: (what: "mode" | "time", message: string) => void,
  ) {
    const keeps = (what: Preserve) => kind === "file" && (preserve === what || preserve === "all");
    // On Windows a mode says only whether a file may be written to, and not to whom.
    const hasMode = mode !== undefined && process.platform !== "win32";
    this.#mode = hasMode && keeps("mode") ? mode | OWNER_READS : null;
    this.#time = mtime !== undefined && keeps("time") ? momentFrom(mtime) : null;
    this.#warn = warn;
  }

  /** What the part is created with. */
  get createMode(): number {
    return this.#mode === null ? USUAL : this.#mode | OWNER_WRITES;
  }

  /**
   * Sets both on a part that has all of its content, before it returns; only a second look at an unusual time comes later.
   * @returns whether anything was set, so that it has to be synced with what the system calls metadata: `syncAll`
   * @throws what the file system said, other than that it keeps no such thing
   */
  async set(fd: number): Promise<boolean> {
    const hasChanged = this.#mode !== null && this.#setMode(fd, this.#mode);
    if (!this.#time) return hasChanged;
    const set = async (time: string) => futimesSync(fd, time, time); // a trip through the thread pool takes longer
    const why = await setTime(this.#time, set, async () => fstatSync(fd));
    if (why !== null) this.#warn("time", why);
    return true;
  }

  /** Takes bits off; the umask has had its say when the part was created. Nearly every file is right already. */
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
      this.#warn("mode", "this disk does not keep the mode, of this or any other file");
    return true;
  }
}

/** A sync of data (fdatasync) may leave out a mode and a time, which are not needed to read the content. This one does not. */
export const syncAll = (fd: number): Promise<void> =>
  new Promise((done, fail) => fsync(fd, (error) => (error ? fail(error) : done())));
