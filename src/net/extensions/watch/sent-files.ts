/**
 * What a watched folder has sent and kept, on disk: so that a restart, weeks later, sends nothing
 * twice.
 *
 *   {"folder":"/srv/outbox","to":"localhost:5011/default"}   the first line: for people
 *   ["a.txt","1234 17 1790000000000000000 ...","<digest>"]   sent; the last line of a name counts
 *   ["a.txt","1234 17 ...","<digest>","<transfer>"]          sent; not moved or deleted yet
 *   ["a.txt"]                                                gone from the folder: forgotten
 *
 * The server remembers for a week what it has stored, and the same file makes the same transfer
 * (adr/0011). So a line that a crash takes away costs a question, not a second copy. Hence lines
 * are gathered for a moment before they are written and synced. When most lines mean nothing any
 * more, the file is written anew.
 *
 * The lock is a file of its own, because this one is replaced. Never here: what a file's identity
 * is (file-identity.ts).
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolders, syncFolder } from "../../../disk/files.ts";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";

const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;
/** How long lines are gathered, ms. */
const GATHER_MS = 200;
/**
 * Lines that may mean nothing before the file is written anew, beside as many as mean something.
 */
const STALE_LINES_MAX = 10_000;

/** A file that was sent, with its identity at that time and its digest. */
export interface Sent {
  readonly identity: string;
  readonly digest: string;
  /** The transfer; only of a file that should have been put away, and is still there. */
  readonly transfer?: string | undefined;
}

/** A line of the file. A name alone means that it is forgotten. */
type Line = readonly [name: string, identity?: string, digest?: string, transfer?: string];

export interface SentFilesOptions {
  /** The folder for what outlives a run. */
  readonly state: string;
  /** The real path of the watched folder. One watcher at a time may have it. */
  readonly folder: string;
  /** Server and queue. What was sent to others does not count here. */
  readonly to: string;
  /** Called when the file cannot be written. The run goes on, and the server's memory has to do. */
  readonly onFailure: (why: string) => void;
}

/** A short name for a path or an address, which may be long and hold anything. */
const short = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** The record of one folder and one queue. */
export class SentFiles {
  /** By name: what was read, and what was added since. */
  readonly known: Map<string, Sent>;
  readonly #path: string;
  /** The first line. */
  readonly #head: string;
  /** The lock lives as long as this handle, and ends with the process. */
  readonly #lock: FileHandle;
  readonly #onFailure: (why: string) => void;
  #file: FileHandle;
  /** Lines in the file; Infinity when it has to be written anew. */
  #lines: number;
  /** Lines that are not written yet; `#timer` runs while there are some. */
  #gathered: Line[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** One write at a time, in the order in which they were asked for. It never rejects. */
  #writing: Promise<void> = Promise.resolve();
  /** The failure was reported: a full disk need not be reported for each file. */
  #hasFailed = false;

  /**
   * Takes the lock and reads the file.
   * @throws FilespoolError folder-unusable: another watcher has the folder, or the state folder
   * cannot be used
   */
  static async open({ state, folder, to, onFailure }: SentFilesOptions): Promise<SentFiles> {
    const base = join(state, "watch", short(folder));
    const path = `${base}-${short(to)}.sent`;
    let lock: FileHandle | undefined;
    try {
      await makeFolders(dirname(base), 0o700);
      lock = await openOwn(`${base}.lock`, O_RDWR | O_CREAT);
      // Native code: loaded only by a run that watches a folder.
      const { tryLock } = await import("fs-native-extensions");
      if (!tryLock(lock.fd)) throw new FilespoolError("folder-unusable", `another filespool watches ${folder}`);
      const file = await openOwn(path, O_RDWR | O_CREAT | O_APPEND);
      const lines = (await file.readFile("utf8")).split("\n");
      return new SentFiles({ path, head: JSON.stringify({ folder, to }), lock, file, lines, onFailure });
    } catch (error) {
      await lock?.close();
      if (error instanceof FilespoolError) throw error;
      throw new FilespoolError("folder-unusable", `cannot remember in ${path} what was sent: ${describe(error)}`);
    }
  }

  private constructor(parts: {
    readonly path: string;
    readonly head: string;
    readonly lock: FileHandle;
    readonly file: FileHandle;
    readonly lines: readonly string[];
    readonly onFailure: (why: string) => void;
  }) {
    const { path, head, lock, file, lines, onFailure } = parts;
    this.#path = path;
    this.#head = head;
    this.#lock = lock;
    this.#file = file;
    this.#onFailure = onFailure;
    this.#lines = lines.length - 1;
    this.known = read(lines);
    // A last line that was cut off, or a missing first one: the file is written anew.
    if (lines.at(-1) !== "" || lines.length === 1) this.#lines = Infinity;
  }

  /** Remembers that a file was sent; a moment later on disk too. */
  add(name: string, sent: Sent): void {
    this.known.set(name, sent);
    this.#gather(lineOf(name, sent));
  }

  /** The name is gone from the folder, or is to be sent again. */
  forget(name: string): void {
    if (this.known.delete(name)) this.#gather([name]);
  }

  /** Gathers a line. Many files may be stored in a moment, and share one sync. */
  #gather(line: Line): void {
    this.#gathered.push(line);
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Writes what was gathered. Resolves when it is on disk, or could not be written. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes the gathered lines. It never throws: whatever happens here, files go on being sent. */
  async #write(): Promise<void> {
    const lines = this.#gathered;
    if (lines.length === 0) return;
    this.#gathered = [];
    try {
      this.#lines += lines.length;
      if (this.#lines > 2 * this.known.size + STALE_LINES_MAX) return await this.#writeAnew();
      await this.#file.appendFile(inLines(lines));
      await this.#file.datasync();
    } catch (error) {
      // A line may be there in part. The next write replaces the file, with these lines in it.
      this.#lines = Infinity;
      if (!this.#hasFailed) this.#onFailure(`cannot write ${this.#path}: ${describe(error)}`);
      this.#hasFailed = true;
    }
  }

  /** Writes a new file, which takes the place of the old one when it is complete and on disk. */
  async #writeAnew(): Promise<void> {
    const draft = `${this.#path}.new`;
    const lines = [...this.known].map(([name, sent]) => lineOf(name, sent));
    const file = await openOwn(draft, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    try {
      await file.appendFile(`${this.#head}\n${inLines(lines)}`);
      await file.sync();
      await rename(draft, this.#path); // 1. content on disk, 2. then its name
      await syncFolder(dirname(this.#path));
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file.close();
    this.#file = file;
    this.#lines = lines.length;
  }

  /** Writes the rest, and gives the lock back. */
  async close(): Promise<void> {
    await this.flush();
    await this.#file.close();
    await this.#lock.close();
  }
}

const lineOf = (name: string, { identity, digest, transfer }: Sent): Line =>
  transfer === undefined ? [name, identity, digest] : [name, identity, digest, transfer];
const inLines = (lines: readonly Line[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

/** What the lines say in the end. A damaged line is skipped: it costs a question to the server. */
function read(lines: readonly string[]): Map<string, Sent> {
  const known = new Map<string, Sent>();
  for (const text of lines) {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      continue;
    }
    if (!Array.isArray(line) || !line.every((part) => typeof part === "string")) continue;
    const [name = "", identity, digest, transfer] = line as string[];
    if (identity !== undefined && digest !== undefined) known.set(name, { identity, digest, transfer });
    else known.delete(name);
  }
  return known;
}

/** Opens a plain file with one name: no link that leads elsewhere, and no pipe that would wait. */
async function openOwn(path: string, flags: number): Promise<FileHandle> {
  const file = await open(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  const status = await file.stat();
  if (status.isFile() && status.nlink === 1) return file;
  await file.close();
  throw new FilespoolError("folder-unusable", `${path} is not a file of filespool; move it away`);
}
