/**
 * Content files: one plain file for each content that is too large for
 * the index, `data/<transfer>`.
 *
 * A content file has no state of its own. Whether it is an unfinished upload, a waiting file or
 * rubbish is said by the index alone, so the order of changes is a promise:
 *
 *   to store     1. content and its name are on disk     2. only then the entry that points to it
 *   to remove    1. the entry is gone, on disk           2. only then the content
 *
 * A crash between two steps leaves a file that nothing points to, and never an entry without
 * content. `keepOnly` removes such files at the next start.
 *
 * Never here: who writes to a file (local/upload.ts) and who reads it (local/queues.ts).
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../disk/files.ts";

export class Contents {
  readonly folder: string;
  readonly #sync: boolean;
  /** Removals that run in the background. `close` of the spool waits for them. */
  readonly #removals = new Set<Promise<void>>();

  /** @param sync false leaves the names of new files to the operating system */
  constructor(folder: string, sync: boolean) {
    this.folder = folder;
    this.#sync = sync;
  }

  /** Where the content of a transfer lies, or would lie. Transfer ids are checked at the wire. */
  path(transfer: string): string {
    return join(this.folder, transfer);
  }

  /** Makes the names of new files durable: a synced file without a name is lost all the same. */
  async syncNames(): Promise<void> {
    if (this.#sync) await syncFolder(this.folder);
  }

  /** Removes a content. It is no error if there is none. */
  async remove(transfer: string): Promise<void> {
    await rm(this.path(transfer), { force: true });
  }

  /**
   * Removes a content in the background: whoever collected the file need not wait for it. A failure
   * is ignored, because the next start finds a file that nothing points to.
   */
  removeLater(transfer: string): void {
    const removal = this.remove(transfer).catch(() => {});
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  /** Removals that have not ended. */
  get removals(): number {
    return this.#removals.size;
  }

  /** Resolves when the removals of now have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** At the start: removes what a crash left, which is every content that nobody needs. */
  async keepOnly(isNeeded: (transfer: string) => boolean): Promise<void> {
    for (const transfer of await readdir(this.folder)) if (!isNeeded(transfer)) await this.remove(transfer);
  }
}
