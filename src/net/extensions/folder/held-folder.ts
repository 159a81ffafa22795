/**
 * A folder that is held open, so that a path into it stays a path into it.
 *
 * A path is looked up anew at each call. A user who may write to a folder above can rename things
 * between two calls and put a link in their place. Then we write into, or read from, a folder that
 * we never meant (CWE-367). POSIX has `openat` for that, but Node does not. Linux shows each open
 * folder as a path, /proc/self/fd/N. A look-up that begins there begins at that folder, whatever
 * its name is by now. Without /proc, plain paths have to do.
 *
 * This protects the way *to* the folder. What is inside is safe if only we may change it, or if it
 * is looked at again (tar-pack.ts).
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** Whether this system shows open folders as paths. Found out once in a process. */
let isShown: Promise<boolean> | null = null;

/** One open folder. It holds a descriptor until `close`. */
export class HeldFolder {
  readonly #handle: FileHandle;
  /** A path to the folder itself. Append a slash and a name. */
  readonly path: string;

  /**
   * Opens a folder.
   * @param isLinkFollowed whether `path` may be a link
   * @throws what the file system said: ENOTDIR or ELOOP if it is not a folder
   */
  static async open(path: string, isLinkFollowed = false): Promise<HeldFolder> {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | (isLinkFollowed ? 0 : O_NOFOLLOW));
    const held = `/proc/self/fd/${handle.fd}`;
    isShown ??= lstat(`${held}/.`).then(
      () => process.platform === "linux",
      () => false,
    );
    return new HeldFolder(handle, (await isShown) ? held : path);
  }

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.path = path;
  }

  /**
   * Opens a folder below this one, step by step, so that no link on the way is followed. At most
   * two are open at a time.
   * @throws what the file system said
   */
  async below(names: readonly string[]): Promise<HeldFolder> {
    let at: HeldFolder = this;
    for (const name of names) {
      const next: HeldFolder = await HeldFolder.open(`${at.path}/${name}`).finally(() => at === this || at.close());
      at = next;
    }
    return at;
  }

  stat(): Promise<BigIntStats> {
    return this.#handle.stat({ bigint: true });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
