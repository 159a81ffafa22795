/**
 * A watched folder: looks at it, and finds out which of its files are complete and have not been sent.
 *
 * Nobody can see whether a program has finished a file. Two things can be seen: that it looks the same for a while, and
 * that it was not written to for a while before it appeared, which is what a rename into the folder looks like. The second
 * needs no waiting. Both times are the file system's own, that of the folder beside that of the file, so no clock of
 * another machine makes a half-written file look old.
 *
 * The truth is a full look at the folder, every second or, where that is a long one, as rarely as keeps it cheap. What the
 * system tells between two looks (fs.watch) only makes it sooner: network file systems tell nothing, and queues overflow.
 *
 * Only what lies in the folder itself is looked at. Links are passed over: who may put files here must not choose what
 * else of this machine is sent. Never here: the states of a file (hot-files.ts), sending, and what becomes of a file then
 * (watch-folder.ts). Why: adr/0092.
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

/** From one full look to the next; and the share of the time that looks may take, also when there is much news. */
const LOOK_MS_MIN = 1_000;
const LOOK_MS_MAX = 60_000;
const LOOKING_SHARE = 1 / 30;
const BUSY_SHARE = 1 / 4;
/** Files that are looked at in one turn of the event loop. */
const LOOKS_PER_TURN = 256;
/** What the system tells is gathered so long: a file that is being written would else be looked at for each write. */
const NEWS_MS = 50;
/** More names than that are no news but a reason to look at all. */
const NEWS_MAX = 1_000;
/** So long a coarse clock may stand still while a file is written to. */
const GRAIN_MS_MAX = 2_000;
const MS_NS = 1_000_000n;
/** Names that were told as passed over, at most; more are not told. */
const TOLD_MAX = 10_000;

export interface HotFolderOptions {
  readonly folder: string;
  /** How long a file must look the same. */
  readonly settleMs: number;
  /** Whether a name is one to be sent. */
  readonly wants: (name: string) => boolean;
  /** What was sent and kept, by name. */
  readonly known: ReadonlyMap<string, Sent>;
  /** A name that is known is not there any more. */
  readonly onGone: (name: string) => void;
  /** A known file is there as before. */
  readonly onKnown: (name: string) => void;
  /** Only what the first look finds is of interest. */
  readonly once: boolean;
  /** What will not be sent, and why; told once as long as it is there. */
  readonly onPassedOver: (path: string, why: string) => void;
}

export class HotFolder {
  readonly #options: HotFolderOptions;
  readonly #folder: string;
  readonly #files = new HotFiles();
  /** As it was when the watch began: another folder under its name is not the one that is watched. */
  readonly #began: BigIntStats;
  /** Names that were told as passed over, and are still there. */
  readonly #told = new Set<string>();
  /** Everything was looked at once. */
  #hasLooked = false;
  /** Names of which the system says that something has happened to them. */
  readonly #news = new Set<string>();
  #watcher: FSWatcher | null = null;
  /** Times of the monotonic clock at which there is something to do. */
  #newsMs = Infinity;
  #lookMs = 0;
  /** The earliest time for the next full look. */
  #lookMsMin = 0;
  /** Ends a pause. */
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
      // Too many watches, or a system without them: the looks will do.
    }
  }

  /** The next complete file, which is then the caller's to answer for; null if there is none now. */
  take(): FileSource | null {
    const next = this.#files.take();
    return next && { path: join(this.#folder, next.name), identity: next.identity };
  }

  /** What a file was handed out as. */
  takenAs(name: string): string | undefined {
    return this.#files.takenAs(name);
  }

  /** It was sent; or it is gone. What lies under its name from now on is another file, or is known. */
  settle(name: string): void {
    this.#files.settle(name);
  }

  /** It cannot be sent as long as it looks like this. */
  refuse(name: string): void {
    this.#files.refuse(name);
  }

  /** It is not what was handed out any more: it has to prove anew that it is complete. */
  release(name: string): void {
    this.#files.settle(name);
    this.#tell(name);
  }

  /**
   * Waits until `take` has something, for at most so long; with `once`, only as long as something waits to be complete.
   * @returns whether it has
   * @throws FilespoolError folder-unusable: the folder is gone
   */
  async wait(forMs: number, signal: AbortSignal): Promise<boolean> {
    const untilMs = performance.now() + forMs;
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        // First do what is due, then look whether that has made a file complete, then sleep until more is due.
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

  /** Lets go of the system's watch. */
  close(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  /** Does what is due: a look at all from time to time, else at what is new and at what should have settled. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    if (nowMs >= this.#lookMs) return this.#lookAtAll(signal);
    const isNews = nowMs >= this.#newsMs;
    const names = new Set([...(isNews ? this.#news : []), ...this.#files.due(nowMs)]);
    if (isNews) this.#forgetNews();
    if (names.size > 0) await this.#lookAt(names, signal);
  }

  /** The look that everything rests on. How long it took decides when the next one is due. */
  async #lookAtAll(signal: AbortSignal): Promise<void> {
    const beganMs = performance.now();
    this.#forgetNews();
    let names: string[];
    try {
      names = await readdir(this.#folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EMFILE" && code !== "ENFILE") throw unusable(this.#folder, describe(error));
      names = [...this.#files.names(), ...this.#options.known.keys()]; // this program is short of descriptors
    }
    await this.#lookAt(names, signal);
    this.#hasLooked ||= !signal.aborted;
    this.#sweep(new Set(names));
    const costMs = performance.now() - beganMs;
    const after = (share: number) => beganMs + Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, costMs / share));
    this.#lookMs = after(LOOKING_SHARE);
    this.#lookMsMin = after(BUSY_SHARE);
  }

  /**
   * Looks at some names. A look is a system call without a wait, since a promise for each of 100,000 files costs more than
   * the call; so others get a turn now and then, heartbeats among them.
   */
  async #lookAt(names: Iterable<string>, signal: AbortSignal): Promise<void> {
    const folder = this.#status();
    // The first can be set to any time, the second cannot.
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

  /** One name: what is there, and whether it is anything to send. @param folderNs when something last came or went */
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
    // A lower bound of its age when it appeared: the folder's time is at most the present, by the same clock.
    const isStill = !known && folderNs - mtimeNs >= BigInt(Math.ceil(settleMs)) * MS_NS;
    const nowMs = performance.now();
    this.#files.see(name, { identity, mtimeNs, dueMs: nowMs + settleMs, isStill }, nowMs);
  }

  /** Forgets what was there at the last look, and is not any more. */
  #sweep(there: ReadonlySet<string>): void {
    for (const name of this.#files.names()) if (!there.has(name)) this.#files.lose(name);
    for (const name of this.#options.known.keys()) if (!there.has(name)) this.#options.onGone(name);
    for (const name of this.#told) if (!there.has(name)) this.#told.delete(name);
  }

  /** There is no file of that name, so whatever was known of one is over. */
  #lose(name: string): void {
    this.#files.lose(name);
    if (this.#options.known.has(name)) this.#options.onGone(name);
  }

  /** There is something else, which is said once. */
  #passOver(name: string, why: string): void {
    this.#lose(name);
    if (this.#told.has(name) || this.#told.size >= TOLD_MAX) return;
    this.#told.add(name);
    this.#options.onPassedOver(join(this.#folder, name), why);
  }

  /** @throws FilespoolError folder-unusable when it is gone, or is another one */
  #status(): BigIntStats {
    const status = statusOf(this.#folder);
    if (status.ino === this.#began.ino && status.dev === this.#began.dev) return status;
    throw unusable(this.#folder, "it is not the folder that it was when the watch began");
  }

  /** The system says that something has happened to a name, or that it has lost count. */
  #tell(name: string | null): void {
    if (name !== null && this.#news.size < NEWS_MAX) this.#news.add(name);
    else this.#lookMs = Math.min(this.#lookMs, this.#lookMsMin);
    if (this.#newsMs < Infinity) return;
    this.#newsMs = performance.now() + NEWS_MS;
    this.#wake();
  }

  /** They are about to be looked at. What happens from now on is news again. */
  #forgetNews(): void {
    this.#news.clear();
    this.#newsMs = Infinity;
  }

  /** Until so many milliseconds are over, or something has happened. */
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

/** For the sentence that tells why it is not sent. */
function whatIs(status: BigIntStats): string {
  if (status.isDirectory()) return "a folder; only the files beside it are sent";
  if (status.isSymbolicLink()) return "a link; only files are sent";
  return "neither a file nor a folder";
}

const unusable = (folder: string, why: string): FilespoolError =>
  new FilespoolError("folder-unusable", `cannot watch ${folder}: ${why}`);
