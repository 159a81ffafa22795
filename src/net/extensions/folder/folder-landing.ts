/**
 * A folder on its way in: arrives as an archive, is unpacked beside its place, and takes it by one rename.
 *
 * The archive is received like any file, small or large (resumed, verified, synced). Landing then goes through the steps
 * of landing.ts, with a folder in the place of the part:
 *
 *   1. the archive is unpacked into `.filespool-<transfer>.tree`, synced, and removed
 *   2. the journal says that the transfer is about to land
 *   3. the tree is renamed to its final name, 4. the folder is synced, 6. only then the ack
 *
 * So a transfer that the journal lists has landed unless its part *or its tree* is there; a crash anywhere leaves a hidden
 * folder that the next attempt removes, and never half a folder under its name. To overwrite is to put what is there aside,
 * into `.filespool-<transfer>.old`, and to remove it when the new one is on disk; after a crash in between it is put back.
 * Never here: what an archive may hold (tar-unpack.ts). Why: adr/0041.
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

/** Why an archive cannot be unpacked in this folder, however often it is tried. */
const UNPACKED_NEVER: ReadonlySet<string> = new Set(["archive-refused", "target-refused"]);

/**
 * An archive until it is settled, a tree from then on. Everything before that is the archive's own business, so its
 * methods are handed on as they are; only `settle` and `replace` know that there is a folder.
 */
export class FolderLanding implements Incoming {
  readonly settlesNames = true; // the tree's
  readonly #archive: Incoming;
  readonly #options: UnpackOptions;
  /** The archive and, once that is unpacked, the tree. */
  part: string;

  /** @param archive the archive on its way in */
  constructor(archive: Incoming, options: UnpackOptions) {
    this.#archive = archive;
    this.#options = options;
    this.part = archive.part;
  }

  /** The name in it is that of the folder; size and digest are those of the archive. */
  get delivery(): MessageOf<"deliver"> {
    return this.#archive.delivery;
  }

  /** Bytes of the archive: that is what is resumed, whatever is in it. */
  get offset(): number {
    return this.#archive.offset;
  }

  get isComplete(): boolean {
    return this.#archive.isComplete;
  }

  /** As for any file: nothing is unpacked before the last byte is there and the digest is right. */
  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined {
    return this.#archive.append(offset, parts, length);
  }

  /** Of the archive. A tree has no open file: each of its files was closed when it was written. */
  close(): Promise<void> | void {
    return this.#archive.close();
  }

  /** @throws FilespoolError digest-mismatch, archive-refused, target-refused (nothing is kept); what the file system said (the archive is) */
  async settle(): Promise<void> {
    if (this.#archive instanceof SmallFile) this.#archive.write();
    await this.#archive.settle();
    const archive = this.#archive.part;
    let tree = archive.replace(/part$/, "tree");
    // Not resumed but made anew: nobody knows how much of it was on disk.
    await removeTree(tree); // of an attempt that was stopped
    if (look(tree).is !== "nothing") tree = withLot(tree); // somebody else's
    const { unpack } = await import("./tar-unpack.ts");
    try {
      await unpack(archive, tree, { ...this.#options, place: join(dirname(tree), safeName(this.delivery.name)) });
    } catch (error) {
      await removeTree(tree);
      // It would not fit the next time either; whoever collects it as an archive, or elsewhere, fetches it again.
      const isForGood = error instanceof FilespoolError && UNPACKED_NEVER.has(error.code);
      if (isForGood) await rm(archive, { force: true });
      throw error;
    }
    await rm(archive);
    this.part = tree;
  }

  /**
   * Takes the place of a folder of that name; what had it is to be removed once the folder is synced.
   * @throws what the file system said; then the name is what it was
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
 * Tidies up after receivers that were killed: what was put aside and not replaced gets its name back, and trees that nobody
 * has gone on with go. By the time of the last change that nobody can set: a tree has the times of what was packed.
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
