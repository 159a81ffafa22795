/**
 * The complete files of a watched folder, as a list that a sender takes one by one
 * (SendOptions.files).
 *
 * The list waits a few seconds for the next file, and then ends; with it ends the connection. So
 * the files of a burst share one connection, and an idle watcher holds none. It also ends after so
 * many files, because a run remembers something of each.
 *
 * A file that was sent before, and whose status differs only in the time of change, is read and
 * compared instead. Never here: which files are complete (hot-folder.ts).
 */
import { basename } from "node:path";
import type { FileSource } from "../../options.ts";
import { differsByCtimeOnly } from "../../sender/file-identity.ts";
import { OpenFile } from "../../sender/file-source.ts";
import type { HotFolder } from "./hot-folder.ts";
import type { SentFiles } from "./sent-files.ts";

/** How long a connection is kept for the next file, ms. */
const LINGER_MS = 5_000;
/** Most files of one run, so that nothing that a run remembers grows for ever. */
const RUN_FILES_MAX = 10_000;

interface CompleteFilesOptions {
  readonly hot: HotFolder;
  readonly sent: SentFiles;
  /** Ends the list. */
  readonly signal: AbortSignal;
  /** The digest of the run, and how many bytes of a file are read at a time. */
  readonly algorithm: string;
  readonly chunkBytes: number;
}

/** The list of one run. One sender asks it, for one file at a time. */
export class CompleteFiles implements AsyncIterableIterator<FileSource> {
  readonly #options: CompleteFilesOptions;
  /** Files that may still be given. */
  #left = RUN_FILES_MAX;

  constructor(options: CompleteFilesOptions) {
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next complete file, or the end when there was none for a while. */
  async next(): Promise<IteratorResult<FileSource>> {
    const { hot, signal } = this.#options;
    while (!signal.aborted && this.#left > 0) {
      const value = hot.take();
      if (value && !(await this.#isKnown(value))) {
        this.#left--;
        return { done: false, value };
      }
      if (!value && !(await hot.wait(LINGER_MS, signal))) break;
    }
    return { done: true, value: undefined };
  }

  /**
   * Whether a kept file still has the content that was sent, although its time of change is
   * another: its permissions were changed, or a backup has given it another name. Then it is not
   * sent again.
   */
  async #isKnown({ path, identity }: FileSource): Promise<boolean> {
    const { hot, sent } = this.#options;
    const name = basename(path);
    const known = sent.known.get(name);
    if (!known || !differsByCtimeOnly(known.identity, identity)) return false;
    if ((await this.#digestOf(path)) !== known.digest) return false;
    sent.add(name, { identity, digest: known.digest });
    hot.settle(name);
    return true;
  }

  /** The digest of a file; null if it cannot be read, in which case the sender says why. */
  async #digestOf(path: string): Promise<string | null> {
    const { algorithm, chunkBytes, signal } = this.#options;
    try {
      const file = OpenFile.open(path, "", "", "");
      if (!file) return null;
      const digest = file.digest({ algorithm, chunkBytes, shouldContinue: () => !signal.aborted });
      return await digest.finally(() => file.close());
    } catch {
      return null;
    }
  }
}
