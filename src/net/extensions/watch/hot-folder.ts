/**
 * A watched folder: finds out which of its files are complete and have not been sent.
 *
 * Nobody can see whether a program has finished a file. Two things can be seen: that a file looks
 * the same for a while, and that nobody had written to it for a while before it appeared, which is
 * what a rename into the folder looks like. The second needs no wait. It compares two times of the
 * same file system, so no clock of another machine makes a half-written file look old.
 *
 * The truth is a full look at the folder, every second or, if that takes long, as rarely as keeps
 * it cheap. Notices of the system between two looks (fs.watch) only make it sooner: network file
 * systems give none, and queues overflow.
 *
 * Only files in the folder itself count. Links are passed over: a user who may put files here must
 * not choose what else of this machine is sent. Never here: the states of a file (hot-files.ts),
 * sending and what follows (watch-folder.ts). Why: adr/0092.
 */
import { type BigIntStats, type FSWatcher, lstatSync, statSync, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import { OWN_PREFIX } from "../../../protocol/names.ts";
import type { FileSource } from "../../options.ts";
import { hasCoarseTimes, identityOf } from "../../sender/file-identity.ts";
import { HotFiles } from "./hot-files.ts";
import type { Sent } from "./sent-files.ts";

/** From one full look to the next, ms; and the share of time that looks may take, at most. */
const LOOK_MS_MIN = 1_000;
const LOOK_MS_MAX = 60_000;
const LOOKING_SHARE = 1 / 30;
const BUSY_SHARE = 1 / 4;
/** Files that are looked at in one turn of the event loop. */
const LOOKS_PER_TURN = 256;
/** How long notices are gathered, ms, so that a file is not looked at for each write to it. */
const NEWS_MS = 50;
/** More names than this are a reason to look at everything. */
const NEWS_MAX = 1_000;
/** How long a coarse clock may stand still while a file is written to, ms. */
const GRAIN_MS_MAX = 2_000;
const MS_NS = 1_000_000n;
/** Most names that are reported as passed over. */
const TOLD_MAX = 10_000;

export interface HotFolderOptions {
  readonly folder: string;
  /** How long a file must look the same, ms. */
  readonly settleMs: number;
  /** Whether a name is one to be sent. */
  readonly wants: (name: string) => boolean;
  /** By name, what was sent and kept. */
  readonly known: ReadonlyMap<string, Sent>;
  /** A known file is not there any more. */
  readonly onGone: (name: string) => void;
  /** A known file is there, unchanged. */
  readonly onKnown: (name: string) => void;
  /** Only files that the first look finds count. */
  readonly once: boolean;
  /** What will not be sent, and why. Told once as long as it is there. */
  readonly onPassedOver: (path: string, why: string) => void;
}

export class HotFolder {
  readonly #options: HotFolderOptions;
  readonly #folder: string;
  readonly #files = new HotFiles();
  /** As it was at the start. Another folder under its name is not the one that is watched. */
  readonly #began: BigIntStats;
  /** Names that were reported as passed over, and are still there. */
  readonly #told = new Set<string>();
  /** A full look has ended once. */
  #hasLooked = false;
  /** Names with a notice of the system. `#forgetNews` clears them. */
  readonly #news = new Set<string>();
  #watcher: FSWatcher | null = null;
  /** When there is something to do, on the clock of `performance`. */
  #newsMs = Infinity;
  #lookMs = 0;
  /** When the next full look may begin at the earliest. */
  #lookMsMin = 0;
  /** Ends the wait of `#sleep`. */
  #wake: () => void = () => {};

  /** Looks at nothing yet; `wait` does. @throws FilespoolError folder-unusable */
  constructor(options: HotFolderOptions) {
    this.#options = options;
    this.#folder = options.folder;
    this.#began = statusOf(this.#folder);
    try {
      this.#watcher = watch(this.#folder, (_, name) => this.#tell(name));
      this.#watcher.on("error", () => this.close());
    } catch {
      // Too many watches, or a system without them: full looks will do.
    }
  }

  /** The next complete file, for which the caller then answers; null if there is none now. */
  take(): FileSource | null {
    const next = this.#files.take();
    return next && { path: join(this.#folder, next.name), identity: next.identity };
  }

  /** The identity under which a file was handed out. */
  takenAs(name: string): string | undefined {
    return this.#files.takenAs(name);
  }

  /** The file was sent, or is gone: its name is free for another one. */
  settle(name: string): void {
    this.#files.settle(name);
  }

  /** The file cannot be sent as long as it looks like this. */
  refuse(name: string): void {
    this.#files.refuse(name);
  }

  /** The file changed after it was handed out: it has to become complete again. */
  release(name: string): void {
    this.#files.settle(name);
    this.#tell(name);
  }

  /**
   * Waits until `take` has something, at most so long; with `once`, only while a file may become
   * complete.
   * @returns whether it has
   * @throws FilespoolError folder-unusable: the folder is gone
   */
  async wait(forMs: number, signal: AbortSignal): Promise<boolean> {
    const untilMs = performance.now() + forMs;
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        // First do what is due, then see whether a file is complete, then sleep until more is due.
        await this.#catchUp(signal);
        if (this.#files.hasReady) return true;
        const nowMs = performance.now();
        if (nowMs >= untilMs || (this.#options.once && this.#files.isIdle)) return false;
        await this.#sleep(Math.min(untilMs, this.#lookMs, this.#newsMs, this.#files.dueMs) - nowMs);
      }
      return false;
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  /** Ends the system's watch. */
  close(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  /** Does what is due: from time to time a full look, else a look at single names. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    if (nowMs >= this.#lookMs) return this.#lookAtAll(signal);
    const isNews = nowMs >= this.#newsMs;
    const names = new Set([...(isNews ? this.#news : []), ...this.#files.due(nowMs)]);
    if (isNews) this.#forgetNews();
    if (names.size > 0) await this.#lookAt(names, signal);
  }

  /** A full look. How long it took decides when the next one is due. */
  async #lookAtAll(signal: AbortSignal): Promise<void> {
    const beganMs = performance.now();
    this.#forgetNews();
    let names: string[];
    try {
      names = await readdir(this.#folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EMFILE" && code !== "ENFILE") throw unusable(this.#folder, describe(error));
      names = [...this.#files.names(), ...this.#options.known.keys()]; // no descriptors left
    }
    await this.#lookAt(names, signal);
    this.#hasLooked ||= !signal.aborted;
    this.#sweep(new Set(names));
    const costMs = performance.now() - beganMs;
    const after = (share: number) => beganMs + Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, costMs / share));
    this.#lookMs = after(LOOKING_SHARE);
    this.#lookMsMin = after(BUSY_SHARE);
  }

  /** Looks at some names, by system calls without a wait: 100,000 promises would cost more. */
  async #lookAt(names: Iterable<string>, signal: AbortSignal): Promise<void> {
    const folder = this.#status();
    // A program can set the first to any time, but not the second.
    const folderNs = folder.mtimeNs < folder.ctimeNs ? folder.mtimeNs : folder.ctimeNs;
    let looks = 0;
    for (const name of names) {
      this.#look(name, folderNs);
      if (++looks % LOOKS_PER_TURN > 0) continue;
      await turn();
      if (signal.aborted) return;
    }
    this.#files.lineUp();
  }

  /** Looks at one name. @param folderNs when something last came or went */
  #look(name: string, folderNs: bigint): void {
    if (name.startsWith(`${OWN_PREFIX}-landed`))
      throw unusable(this.#folder, `a receiver puts files there (${name}), which would be sent again`);
    if (!this.#options.wants(name) || name.startsWith(OWN_PREFIX) || this.#files.isTaken(name)) return;
    const path = join(this.#folder, name);
    const status = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (status === undefined && name.includes("\ufffd")) return this.#passOver(name, "its name is not valid UTF-8");
    if (status === undefined) return this.#lose(name);
    if (!status.isFile()) return this.#passOver(name, whatIs(status));
    const identity = identityOf(path, status);
    const known = this.#options.known.get(name);
    if (known?.identity === identity) return this.#options.onKnown(name);
    if (this.#options.once && this.#hasLooked && !this.#files.has(name)) return;
    const settleMs = this.#options.settleMs + (hasCoarseTimes(status) ? GRAIN_MS_MAX : 0);
    const { mtimeNs } = status;
    // So old at least when it appeared: the folder's time is by the same clock, and has passed.
    const isStill = !known && folderNs - mtimeNs >= BigInt(Math.ceil(settleMs)) * MS_NS;
    const nowMs = performance.now();
    this.#files.see(name, { identity, mtimeNs, dueMs: nowMs + settleMs, isStill }, nowMs);
  }

  /** Forgets what was there at the last look, and is gone now. */
  #sweep(there: ReadonlySet<string>): void {
    for (const name of this.#files.names()) if (!there.has(name)) this.#files.lose(name);
    for (const name of this.#options.known.keys()) if (!there.has(name)) this.#options.onGone(name);
    for (const name of this.#told) if (!there.has(name)) this.#told.delete(name);
  }

  /** There is no file of that name, so all that was known of one is over. */
  #lose(name: string): void {
    this.#files.lose(name);
    if (this.#options.known.has(name)) this.#options.onGone(name);
  }

  /** Something else has that name, which is reported once. */
  #passOver(name: string, why: string): void {
    this.#lose(name);
    if (this.#told.has(name) || this.#told.size >= TOLD_MAX) return;
    this.#told.add(name);
    this.#options.onPassedOver(join(this.#folder, name), why);
  }

  /** The folder's status. @throws FilespoolError folder-unusable: it is gone, or another one */
  #status(): BigIntStats {
    const status = statusOf(this.#folder);
    if (status.ino === this.#began.ino && status.dev === this.#began.dev) return status;
    throw unusable(this.#folder, "it is not the folder that it was when the watch began");
  }

  /** Takes a notice about a name; null: the system has lost count. */
  #tell(name: string | null): void {
    if (name !== null && this.#news.size < NEWS_MAX) this.#news.add(name);
    else this.#lookMs = Math.min(this.#lookMs, this.#lookMsMin);
    if (this.#newsMs < Infinity) return;
    this.#newsMs = performance.now() + NEWS_MS;
    this.#wake();
  }

  /** The names with notices are about to be looked at. Later notices count anew. */
  #forgetNews(): void {
    this.#news.clear();
    this.#newsMs = Infinity;
  }

  /** Waits for so many milliseconds, or until something has happened. */
  async #sleep(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, Math.max(0, Math.min(ms, LOOK_MS_MAX)));
    });
    clearTimeout(timer);
  }
}

/** @throws FilespoolError folder-unusable */
function statusOf(folder: string): BigIntStats {
  let status: BigIntStats;
  try {
    status = statSync(folder, { bigint: true });
  } catch (error) {
    throw unusable(folder, describe(error));
  }
  if (!status.isDirectory()) throw unusable(folder, "it is not a folder");
  return status;
}

/** Why something is not sent, in words. */
function whatIs(status: BigIntStats): string {
  if (status.isDirectory()) return "a folder; only the files beside it are sent";
  if (status.isSymbolicLink()) return "a link; only files are sent";
  return "neither a file nor a folder";
}

const unusable = (folder: string, why: string): FilespoolError =>
  new FilespoolError("folder-unusable", `cannot watch ${folder}: ${why}`);
