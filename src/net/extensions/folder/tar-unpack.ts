/**
 * Unpacks the archive of a folder into a new folder, and trusts nothing in it.
 *
 * The archive is a verified and complete file by now. That proves who sent it, not that they mean
 * well. These checks keep every entry inside, in this order:
 *
 *   1. its path consists of names that could land by themselves (tar-names.ts)
 *   2. its folder is there, made of this archive: nothing is followed, nothing is guessed
 *   3. it is *created*: a name that is taken, by any spelling that this disk takes for the same,
 *      ends the unpacking
 *   4. symbolic links are made last of all, so that nothing can be written through one, and only if
 *      they stay inside
 *   5. devices, pipes and the other things that tar may hold refuse the archive (tar-entries.ts)
 *
 * The folder is held open and is private (0700) until the end, so no other user can change what a
 * path in it means. In the end, modes are what the sender's mode and this user's umask both allow,
 * without setuid, setgid and sticky bits.
 *
 * The archive bounds what a bomb can do: a content is as long as its bytes in there, a folder costs
 * a header, and what has to be remembered is counted in bytes (tar-notes.ts). Files and folders are
 * synced here, so that the rename of the whole needs nothing more. An honest folder that this disk
 * cannot hold is no attack: see created-entry.ts. Never here: where the folder is
 * (folder-landing.ts), what a header means (tar-entries.ts). Why: adr/0041, adr/0088.
 */
import { constants } from "node:fs";
import { type FileHandle, link, lstat, lutimes, mkdir, open, rmdir, symlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setTime } from "../../../disk/file-times.ts";
import { isZero } from "../../../disk/holes.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import { quoteName } from "../../../protocol/names.ts";
import { NO_MODES } from "../../receiver/file-attributes.ts";
import { checkLength, created, isFolder, refusedEarly } from "./created-entry.ts";
import { HeldFolder } from "./held-folder.ts";
import { type Entry, TarEntries } from "./tar-entries.ts";
import { namesIn, refusedArchive, staysInside } from "./tar-names.ts";
import { type Note, Notes } from "./tar-notes.ts";

/** Files that are synced at a time (adr/0033). */
const SYNCS_MAX = 4;
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = constants;

/** How a folder is unpacked. */
export interface UnpackOptions {
  readonly sync: boolean;
  /** Called for what is left out or not as it was sent: its path in the archive, and why. */
  readonly warn: (path: string, why: string) => void;
  /**
   * Where the folder will be in the end. Paths that would be too long there are refused. Default:
   * where it is made.
   */
  readonly place?: string;
}

/**
 * Unpacks `archive` into the folder `into`, which must not exist. If it throws, that folder is half
 * full, and the caller removes it.
 * @throws FilespoolError archive-refused, target-refused; or what the file system said
 */
export async function unpack(archive: string, into: string, options: UnpackOptions): Promise<void> {
  const handle = await open(archive, "r");
  try {
    const entries = new TarEntries(handle, (await handle.stat()).size, options.warn);
    await mkdir(into, 0o700);
    const root = await HeldFolder.open(into);
    const unpacking = new Unpacking(entries, root, { ...options, place: resolve(options.place ?? into) });
    await unpacking.run().finally(() => root.close());
  } finally {
    await handle.close();
  }
}

/**
 * One archive on its way into one folder. It reads forward only, and remembers folders and links
 * but never files. So its memory has a bound of its own, whatever the archive.
 */
class Unpacking {
  readonly #entries: TarEntries;
  readonly #root: HeldFolder;
  readonly #options: Required<UnpackOptions>;
  /** What both kinds of notes have taken together. */
  readonly #budget = { bytes: 0, notes: 0 };
  /** Folders that were made, the root first. Their modes are set last: one may forbid writing. */
  readonly #folders = new Notes(this.#budget);
  /** Symbolic links, for the end. Until then no path in this tree leads out of it. */
  readonly #links = new Notes(this.#budget);
  /**
   * The folder itself is among `#folders`, from its own entry or from the first entry inside it.
   */
  #hasRoot = false;
  /**
   * `#allowed`: the permission bits that the umask (or the default list of the folder above)
   * leaves. `#inherited`: the setgid bit that folders get here.
   */
  #allowed = 0;
  #inherited = 0;
  #hasWarnedOfModes = false;
  /**
   * Files that are written and not yet synced. They outlive the call that began them. `run` waits
   * for all of them even when it fails, because a folder that is being removed must not get new
   * files.
   */
  readonly #finishing = new Set<Promise<void>>();
  /** The first failure of one of these, thrown by the next call. */
  #failure: unknown = null;

  constructor(entries: TarEntries, root: HeldFolder, options: Required<UnpackOptions>) {
    this.#entries = entries;
    this.#root = root;
    this.#options = options;
  }

  /**
   * Entries in their order, then the links, then the folders from the innermost out. Creating an
   * entry changes the time of its folder, so that is set when nothing more will be created in it.
   * @throws FilespoolError archive-refused, target-refused; or what the file system said
   */
  async run(): Promise<void> {
    await this.#learnModes();
    try {
      for (let entry = await this.#entries.next(); entry; entry = await this.#entries.next()) await this.#take(entry);
    } finally {
      await Promise.all(this.#finishing);
    }
    if (this.#failure) throw this.#failure;
    if (!this.#hasRoot) throw refusedArchive("it is empty");
    for (const note of this.#links) await this.#makeLink(note);
    for (const note of this.#folders.backwards()) await this.#finishFolder(note);
  }

  /** The path of an entry on this disk, from the open root on. */
  #local(path: string): string {
    return path === "" ? this.#root.path : `${this.#root.path}/${path}`;
  }

  /**
   * Learns which bits the system allows, by creating a folder with all of them. So nobody has to
   * read the umask, which Node can do only by changing it for a moment. The folder also shows which
   * owner ours have here, and thus whether the root is ours.
   * @throws FilespoolError folder-unusable: another user's folder is in the place of the root
   */
  async #learnModes(): Promise<void> {
    const probe = this.#local("probe");
    await mkdir(probe, 0o777);
    const { mode, uid } = await lstat(probe);
    await rmdir(probe);
    this.#allowed = mode & 0o777;
    this.#inherited = mode & 0o2000; // a folder that hands its group on
    if (BigInt(uid) === (await this.#root.stat()).uid) return;
    const why = "somebody has put a folder in the place of the one that was made for unpacking";
    throw new FilespoolError("folder-unusable", `${why}; name a folder that others cannot write to`);
  }

  /** Creates one entry, after the checks in the order of the list at the top. */
  async #take(entry: Entry): Promise<void> {
    const { kind, target } = entry;
    const path = namesIn(entry.path).join("/");
    if (path === "") return this.#takeRoot(entry);
    if (!this.#hasRoot) this.#noteRoot({ path, target: "", mode: 0o777, time: null });
    checkLength(this.#options.place, path);
    const local = this.#local(path);
    switch (kind) {
      case "folder":
        await created(path, local, () => mkdir(local, 0o700));
        return this.#folders.add({ ...entry, path });
      case "file":
        return this.#file(local, { ...entry, path });
      // Hard links are made at once, because they can lead only to a file that is here already.
      case "hard link":
        return this.#hardLink(local, path, target);
      case "link":
        return this.#noteLink(local, { ...entry, path });
    }
  }

  /**
   * The folder itself, as "./". Archives of `git` and of single names begin without it; its mode is
   * the usual one then.
   */
  #takeRoot(entry: Entry): void {
    if (entry.kind !== "folder") throw refusedArchive("it does not begin with a folder");
    if (this.#hasRoot) throw refusedArchive("the folder itself comes twice, or after what is in it");
    this.#noteRoot(entry);
  }

  /** Remembers the mode and time of the folder itself. */
  #noteRoot(note: Note): void {
    this.#hasRoot = true;
    this.#folders.add({ ...note, path: "", target: "" });
  }

  /**
   * Writes the content. Mode, time and sync go on beside the next file. Until then the file is
   * private (0600), because nobody should read a file that is half written.
   */
  async #file(local: string, entry: Entry): Promise<void> {
    // O_EXCL creates or fails, and follows no link at the end of the path. All folders before it
    // were made here.
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const handle = await created(entry.path, local, () => open(local, flags, 0o600));
    try {
      let end = 0;
      for (let piece = await this.#entries.content(); piece; piece = await this.#entries.content()) {
        end += piece.length;
        if (isZero(piece))
          await handle.truncate(end); // a hole, if the disk has holes
        // A write may take less than it was given. Only its return value tells how much.
        else
          for (let at = 0; at < piece.length; )
            at += (await handle.write(piece, at, piece.length - at, end - piece.length + at)).bytesWritten;
      }
      await this.#entries.endContent(entry.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
    // Syncing takes longest, so the next files are written meanwhile.
    const finished: Promise<void> = this.#finish(handle, entry, 0)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#finishing.delete(finished));
    this.#finishing.add(finished);
    if (this.#finishing.size >= SYNCS_MAX) await Promise.race(this.#finishing);
    if (this.#failure) throw this.#failure;
  }

  /**
   * Makes a hard link to a file of this archive. None of its symbolic links exists yet, so no name
   * leads anywhere else.
   */
  async #hardLink(local: string, path: string, wireTarget: string): Promise<void> {
    const target = this.#local(namesIn(wireTarget).join("/"));
    const isFile = (await lstat(target).catch(() => null))?.isFile();
    if (!isFile) throw refusedArchive(`${quoteName(path)} is a link to no file in it`);
    await created(path, local, () => link(target, local));
  }

  /** Notes a symbolic link. Its folder must be there now, while no link can be on the way to it. */
  async #noteLink(local: string, entry: Entry): Promise<void> {
    if (!(await isFolder(dirname(local)))) throw refusedEarly(entry.path);
    if (staysInside(entry.path, entry.target)) this.#links.add(entry);
    else this.#options.warn(entry.path, "a link that leads out of the folder; it was left out");
  }

  /** Makes a symbolic link, with its own time where the disk keeps one. */
  async #makeLink({ path, target, time }: Note): Promise<void> {
    const local = this.#local(path);
    await created(path, local, () => symlink(target, local));
    if (!time) return;
    const set = (text: string) => lutimes(local, text, text);
    this.#warnIf(path, await setTime(time, set, () => lstat(local)));
  }

  async #finishFolder(note: Note): Promise<void> {
    const handle = await open(this.#local(note.path), O_RDONLY | O_DIRECTORY | (note.path === "" ? 0 : O_NOFOLLOW));
    await this.#finish(handle, note, this.#inherited);
  }

  /** Sets mode and time, syncs, and closes. */
  async #finish(handle: FileHandle, { path, mode, time }: Note, inherited: number): Promise<void> {
    try {
      await handle.chmod((mode & this.#allowed) | inherited).catch((error: NodeJS.ErrnoException) => {
        if (!NO_MODES.has(error.code ?? "")) throw error;
        if (!this.#hasWarnedOfModes)
          this.#warnIf(path, "this disk keeps no mode (permission bits), for this file or any other");
        this.#hasWarnedOfModes = true;
      });
      const set = (text: string) => handle.utimes(text, text);
      if (time) this.#warnIf(path, await setTime(time, set, () => handle.stat()));
      if (this.#options.sync) await handle.sync();
    } finally {
      await handle.close();
    }
  }

  #warnIf(path: string, why: string | null): void {
    if (why !== null) this.#options.warn(path || ".", why);
  }
}
