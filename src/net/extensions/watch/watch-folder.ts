/**
 * Watches a folder, and sends each file in it once it is complete; then the file is kept, moved or
 * deleted.
 *
 *   hot-folder.ts   which files are complete
 *   send()          sends them one after the other over one connection, like any list
 *   put-away.ts     moves or deletes what is stored
 *   sent-files.ts   remembers what is stored and kept
 *
 * There is a connection while there is something to send, and a few seconds longer. An idle watcher
 * holds none and costs its server nothing. A server that is away, or refuses for now, is waited for
 * without end, unless `retryMs` says otherwise.
 *
 * After a crash, the next run sends what was not stored. What was stored but not yet put away is
 * offered once more under the same transfer id, and the server says that it has it. Why like this:
 * adr/0092.
 */
import { lstatSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DIGESTS } from "../../../disk/digest.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { About, TransferEvent } from "../../events.ts";
import { complete } from "../../options.ts";
import { send } from "../../send.ts";
import { CompleteFiles } from "./complete-files.ts";
import { HotFolder } from "./hot-folder.ts";
import { fitsAny } from "./name-patterns.ts";
import { Away, type PutAway } from "./put-away.ts";
import { type Sent, SentFiles } from "./sent-files.ts";
import { checkMovedTo, IGNORED, realFolder, SETTLE_MS, type WatchOptions, type WatchSummary } from "./watch-options.ts";

/**
 * Watches until its signal is aborted or, with `once`, until there is nothing left to send.
 * @throws FilespoolError folder-unusable: the folder is gone, or another process watches it; or
 * what ends a run for good, such as a refused token
 */
export async function watchFolder(options: WatchOptions): Promise<WatchSummary> {
  const watching = await Watching.open(options);
  try {
    await watching.run();
  } finally {
    await watching.close();
  }
  return watching.summary;
}

/** One watch, from its lock to its end. The folder belongs to it alone. */
class Watching {
  readonly summary: WatchSummary = { stored: 0, repeated: 0, bytes: 0, failed: 0, kept: 0 };
  readonly #options: WatchOptions;
  /** The folder as it was given, for messages and events. */
  readonly #folder: string;
  /** What is stored and still there, on disk. It holds the lock on the folder. */
  readonly #sent: SentFiles;
  readonly #hot: HotFolder;
  /** Moves or deletes files; null: they are kept. */
  readonly #away: Away | null;
  /** Files that could not be put away so far, by name. */
  readonly #staying = new Map<string, About>();
  readonly #signal: AbortSignal;
  /** The name of the file behind each transfer that was offered and is not settled. */
  readonly #offered = new Map<string, string>();
  /** Why the watch ends; null as long as it goes on. Set by `#refused`. */
  #failure: FilespoolError | null = null;

  /**
   * Checks everything that can be wrong from the start, before a file is touched or a server asked.
   */
  static async open(options: WatchOptions): Promise<Watching> {
    const { folder, after = "keep", movedTo, state, onWarning } = options;
    const { host, port, queue } = complete(options);
    const real = realFolder(folder);
    if (after === "move") await checkMovedTo(real, movedTo);
    const sent = await SentFiles.open({
      // By its real path, so that two paths to one folder are one watch.
      ...{ state, folder: real, to: `${host}:${port}/${queue}` },
      onFailure: (why) => onWarning?.(`${why}; until it can, a restart asks the server about each file anew`),
    });
    try {
      return new Watching(options, sent);
    } catch (error) {
      await sent.close(); // or the lock would stay
      throw error;
    }
  }

  private constructor(options: WatchOptions, sent: SentFiles) {
    const { folder, after, match, ignore = IGNORED, settleMs = SETTLE_MS, once = false, signal } = options;
    const movedTo = after === "move" ? (options.movedTo ?? null) : null;
    this.#options = options;
    this.#folder = folder;
    this.#sent = sent;
    this.#signal = signal ?? new AbortController().signal;
    this.#away = after === "move" || after === "delete" ? new Away(movedTo) : null;
    /** The folder to move to may be in the watched one. Its name is then passed over silently. */
    const own = movedTo !== null && dirname(resolve(movedTo)) === resolve(folder) ? basename(movedTo) : null;
    this.#hot = new HotFolder({
      ...{ folder, settleMs, once, known: sent.known },
      wants: (name) => name !== own && (match === undefined || fitsAny(name, match)) && !fitsAny(name, ignore),
      onGone: (name) => this.#gone(name),
      onKnown: (name) => this.#again(name),
      onPassedOver: (path, message) => this.#emit({ event: "warning", path, message }),
    });
  }

  /** Waits for complete files and sends them, again and again. */
  async run(): Promise<void> {
    const { once = false } = this.#options;
    this.#emit({ event: "watching", folder: this.#folder, queue: complete(this.#options).queue });
    // The first connection needs no file: a wrong token should not be found out at night.
    for (let isFirst = true; !this.#signal.aborted; isFirst = false) {
      const hasFiles = await this.#hot.wait(isFirst ? 0 : this.#patienceMs, this.#signal);
      if (!hasFiles && !isFirst) {
        if (once) return;
        continue;
      }
      // Ends when there was nothing to send for a while. Trouble that may pass is retried in there.
      await this.#send();
      if (this.#failure) throw this.#failure;
    }
  }

  /**
   * How long to wait for a complete file, ms. With `once`, a file that takes longer is being
   * written, and is left for the next run.
   */
  get #patienceMs(): number {
    const { once = false, settleMs = SETTLE_MS } = this.#options;
    return once ? 2 * settleMs + 3_000 : Infinity;
  }

  /** Sends what is complete, and what becomes complete meanwhile and shortly after. */
  async #send(): Promise<void> {
    // A signal for this run alone: on that of the whole watch, listeners would gather for months.
    const over = new AbortController();
    const stop = () => over.abort();
    this.#signal.addEventListener("abort", stop);
    const { onEvent: _, digest: algorithm = DIGESTS[0] as string, ...client } = this.#options;
    const { bufferBytes: chunkBytes } = complete(client);
    const files = new CompleteFiles({ hot: this.#hot, sent: this.#sent, signal: over.signal, algorithm, chunkBytes });
    try {
      if (this.#signal.aborted) return;
      await send({
        ...{ retryMs: Infinity, connectRetryMs: Infinity, digest: algorithm, ...client },
        ...{ files, signal: over.signal, onEvent: (event: TransferEvent) => this.#hear(event, over) },
      });
    } catch (error) {
      if (!over.signal.aborted) throw error; // stopped by the user or by `#refused`
    } finally {
      this.#signal.removeEventListener("abort", stop);
      over.abort(); // ends a wait for the next file
      this.#offered.clear();
    }
  }

  #emit(event: TransferEvent): void {
    this.#options.onEvent?.(event);
  }

  /** Hears an event of the sender, acts on it, and passes it on. */
  #hear(event: TransferEvent, over: AbortController): void {
    if (event.event === "refused") return this.#refused(event, over);
    this.#emit(event);
    if (event.event === "offered") this.#offered.set(event.transfer, basename(event.path));
    else if (event.event === "changed") this.#offered.delete(event.before);
    else if (event.event === "stored") this.#stored(event);
  }

  /**
   * 1. The server has the file on disk. 2. Only then it is put away, or recorded as kept.
   *
   * After a crash between the two, the next run offers it again under the same id. The server then
   * says that it has it, and this step is taken.
   */
  #stored(event: Extract<TransferEvent, { event: "stored" }>): void {
    const { transfer, queue, name: sentAs, size, digest, repeated } = event;
    const name = this.#offered.get(transfer);
    const identity = name === undefined ? undefined : this.#hot.takenAs(name);
    this.#offered.delete(transfer);
    this.summary[repeated ? "repeated" : "stored"]++;
    this.summary.bytes += size;
    if (name === undefined || identity === undefined) return;
    // The sender has sent what was handed out: it compares the two when it opens the file.
    const [path, about] = [join(this.#folder, name), { transfer, queue, name: sentAs, size }];
    const put = this.#away?.put(path, identity) ?? null;
    if (put?.kind === "changed") return this.#hot.release(name); // another file, to be sent too
    this.#hot.settle(name);
    if (put === null) this.#sent.add(name, { identity, digest });
    else if (put.kind === "stays") this.#sent.add(name, { identity, digest, transfer });
    else if (this.#sent.known.has(name)) this.#sent.forget(name); // it was kept before
    if (put !== null) this.#tellPut(put, path, about);
    if (put?.kind === "stays") this.#stays(name, about, put.why);
  }

  /** A file could not be put away. Reported once in a run, and tried again at each look. */
  #stays(name: string, about: About, why: string): void {
    this.#staying.set(name, about);
    this.summary.kept++;
    this.#emit({ event: "kept", path: join(this.#folder, name), message: why, ...about });
  }

  #tellPut(put: PutAway, path: string, about: About): void {
    if (put.kind === "moved") this.#emit({ event: "moved", path, to: put.to, ...about });
    if (put.kind === "deleted") this.#emit({ event: "deleted", path, ...about });
  }

  /** A stored file is still there, as a look shows: it may be possible to put it away now. */
  #again(name: string): void {
    const known = this.#sent.known.get(name);
    if (!known || !this.#away) return;
    const path = join(this.#folder, name);
    const before = this.#staying.get(name);
    const about = before ?? this.#left(name, known);
    if (about === null) return;
    const put = this.#away.put(path, known.identity);
    if (put.kind === "stays") return before ? undefined : this.#stays(name, about, put.why);
    if (before) this.summary.kept--;
    this.#gone(name);
    this.#tellPut(put, path, about);
  }

  /** A file that an earlier run could not put away. Null: that run kept it, or it is gone. */
  #left(name: string, { transfer }: Sent): About | null {
    const size = lstatSync(join(this.#folder, name), { throwIfNoEntry: false })?.size;
    return transfer === undefined || size === undefined
      ? null
      : { transfer, queue: complete(this.#options).queue, name, size };
  }

  /** The name is free: a file that gets it is new. */
  #gone(name: string): void {
    this.#staying.delete(name);
    this.#sent.forget(name);
  }

  /** The sender gives a file up; the others go on. */
  #refused(event: Extract<TransferEvent, { event: "refused" }>, over: AbortController): void {
    const { code, message, transfer } = event;
    const name = basename(event.path ?? "");
    if (transfer !== undefined) this.#offered.delete(transfer);
    // It is changing, or gone. The next look finds out whether there is something to send.
    if (code === "file-changed" || !isThere(join(this.#folder, name))) return this.#hot.release(name);
    this.#hot.refuse(name);
    this.summary.failed++;
    this.#emit(event);
    if (code !== "not-allowed") return;
    // The server would refuse every file for this reason.
    this.#failure = new FilespoolError(code, message);
    over.abort();
  }

  /** Records what is kept, and gives the lock back. */
  async close(): Promise<void> {
    this.#hot.close();
    await this.#sent.close();
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
