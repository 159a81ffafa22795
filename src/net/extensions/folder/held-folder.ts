/**
 * A folder that is held open, so that a path into it stays a path into it.
 *
 * A path is looked up anew at each call. Whoever may write to a folder above can rename what lies there between two calls,
 * put a link in its place, and so make us write into, or read from, a folder that we never meant (CWE-367). POSIX has
 * `openat` for that; Node has no such calls, but Linux shows each open folder as a path, /proc/self/fd/N, and a lookup
 * that begins there begins at that folder, wherever its name has gone. Where there is no /proc, paths are what they were.
 * That begins outside; what is inside is safe if only we may change it, or if it is looked at again (tar-pack.ts).
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** Whether open folders can be had as paths here; found out with the first one. */
let isShown: Promise<boolean> | null = null;

export class HeldFolder {
  readonly #handle: FileHandle;
  /** What to put before a slash and a name. */
  readonly path: string;

  /**
   * @param path a link is followed only with `isLinkFollowed`
   * @throws what the file system said: ENOTDIR or ELOOP for what is no folder
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
   * A folder somewhere below this one, found step by step, so that no link on the way is followed. Two are open at a time.
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
