/**
 * A folder on its way in. It arrives as an archive, is unpacked beside its final place, and takes
 * that by one rename.
 *
 * The archive is received like any file, small or large (resumed, verified, synced). Landing then
 * takes the steps of landing.ts, with a folder in place of the part file:
 *
 *   1. the archive is unpacked into `.filespool-<transfer>.tree`, synced, and removed
 *   2. the journal says that the transfer is about to land
 *   3. the tree is renamed to its final name
 *   4. the folder around it is synced
 *   7. only then the ack; a tree never has two names, so steps 5 and 6 have nothing to do
 *
 * So a transfer that the journal lists has landed unless its part file *or its tree* is there. A
 * crash leaves at most a hidden folder, which the next attempt removes, and never half a folder
 * under its final name.
 *
 * Overwriting puts the old folder aside, into `.filespool-<transfer>.old`, and removes it when the
 * new one is on disk. After a crash in between, it is put back. Never here: what an archive may
 * hold (tar-unpack.ts). Why: adr/0041.
 */
import { mkdirSync, renameSync, rmdirSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { safeName } from "../../../protocol/names.ts";
import { isThere } from "../../receiver/landing-errors.ts";
import { look, ownName, withLot } from "../../receiver/own-files.ts";
import type { Incoming } from "../../receiver/part-file.ts";
import { removeTree, within } from "../../receiver/remove-tree.ts";
import { SmallFile } from "../../receiver/small-file.ts";
import type { UnpackOptions } from "./tar-unpack.ts";

/** Errors that come again however often an archive is unpacked in this folder. */
const UNPACKED_NEVER: ReadonlySet<string> = new Set(["archive-refused", "target-refused"]);

/**
 * An archive until it is settled, and a tree from then on. Most methods are the archive's own; only
 * `settle` and `replace` know that there is a folder.
 */
export class FolderLanding implements Incoming {
  readonly settlesNames = true; // it names the tree
  readonly #archive: Incoming;
  readonly #options: UnpackOptions;
  /** The path of the archive, and from the end of `settle` on, that of the tree. */
  part: string;

  /** @param archive the archive on its way in */
  constructor(archive: Incoming, options: UnpackOptions) {
    this.#archive = archive;
    this.#options = options;
    this.part = archive.part;
  }

  /** Its name is the folder's; its size and digest are the archive's. */
  get delivery(): MessageOf<"deliver"> {
    return this.#archive.delivery;
  }

  /** Bytes of the archive. An unpacked tree is never resumed. */
  get offset(): number {
    return this.#archive.offset;
  }

  get isComplete(): boolean {
    return this.#archive.isComplete;
  }

  /** Nothing is unpacked before the last byte is there and the digest is right. */
  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined {
    return this.#archive.append(offset, parts, length);
  }

  /** Closes the archive. A tree has no open file: each was closed when it was written. */
  close(): Promise<void> | void {
    return this.#archive.close();
  }

  /**
   * Verifies and unpacks the archive.
   * @throws FilespoolError digest-mismatch, archive-refused, target-refused: nothing is kept; or
   * what the file system said: the archive is kept
   */
  async settle(): Promise<void> {
    if (this.#archive instanceof SmallFile) this.#archive.write();
    await this.#archive.settle();
    const archive = this.#archive.part;
    let tree = archive.replace(/part$/, "tree");
    // A tree is made anew each time, because nobody knows how much of an old one was on disk.
    await removeTree(tree); // left by an attempt that was stopped
    if (look(tree).is !== "nothing") tree = withLot(tree); // somebody else's
    const { unpack } = await import("./tar-unpack.ts");
    try {
      await unpack(archive, tree, { ...this.#options, place: join(dirname(tree), safeName(this.delivery.name)) });
    } catch (error) {
      await removeTree(tree);
      // It would not fit the next time either. A receiver that can take it fetches it again.
      const isForGood = error instanceof FilespoolError && UNPACKED_NEVER.has(error.code);
      if (isForGood) await rm(archive, { force: true });
      throw error;
    }
    await rm(archive);
    this.part = tree;
  }

  /**
   * Takes the place of a folder of that name. The old one is put aside, for the caller to remove
   * once the new one is on disk.
   * @throws what the file system said; the name leads to what it led to before
   */
  replace(path: string, replaced: string[]): void {
    if (!isThere(path)) return renameSync(this.part, path);
    let aside = this.part.replace(/tree$/, "old");
    if (isThere(aside)) aside = withLot(aside);
    mkdirSync(aside, 0o700);
    const kept = join(aside, basename(path));
    try {
      renameSync(path, kept);
      try {
        renameSync(this.part, path);
      } catch (error) {
        renameSync(kept, path);
        throw error;
      }
    } catch (error) {
      rmdirSync(aside);
      throw error;
    }
    replaced.push(aside);
  }
}

/**
 * Tidies up after receivers that were killed. A folder that was put aside and not replaced gets its
 * name back. Trees that no receiver has gone on with are removed, by their ctime: a tree has the
 * mtime of what was packed.
 */
export async function tidyTrees(folder: string, names: readonly string[], beforeMs: number): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    const kind = ownName(name)?.kind;
    if (kind === "old") {
      await within(path, async (inside) => {
        for (const replaced of await readdir(inside))
          if (!isThere(join(folder, replaced))) await rename(join(inside, replaced), join(folder, replaced));
      });
      await removeTree(path);
    } else if (kind === "tree") {
      const found = look(path);
      if (found.is === "folder" && found.stat.ctimeMs < beforeMs) await removeTree(path);
    }
  }
}
