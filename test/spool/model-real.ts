/**
 * The spool that the model is held against: in this process, where it can be closed and opened again, or in a process
 * of its own, where it can be killed.
 *
 * The kill is a real one. Copying the folder of an open spool and going on with the copy is not the same: LMDB's thread
 * writes while the copy is read, so that the copy may have a root page that points behind its own end, and LMDB ends
 * the process with SIGBUS when it follows it. A kill leaves every write wholly in the kernel or not begun.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { FilespoolError } from "../../src/protocol/errors.ts";
import type { OfferAnswer, Spool, Upload, UploadWatcher } from "../../src/spool/contract.ts";
import { LocalSpool, type LocalSpoolOptions } from "../../src/spool/local-spool.ts";
import { withoutCoverage } from "../support/built.ts";
import { childScript } from "./children.ts";
import type { Answer, Call } from "./model-child.ts";

/** Of the contract what the model uses; what is asked of another process cannot be answered at once. */
export interface ModelSpool
  extends Pick<Spool, "offer" | "lease" | "ack" | "nack" | "read" | "sweep" | "dead" | "close"> {
  release(token: string): Promise<void> | void;
  waiting(queue: string): Promise<number> | number;
  bytesUsed(): Promise<number> | number;
}

export interface Host {
  open(options: LocalSpoolOptions): Promise<ModelSpool>;
  /** Kills the process that has the spool; what it was asked and did not answer stays unanswered, and fails. */
  kill?(): Promise<void>;
  /** Ends everything that was started. */
  end(): Promise<void>;
}

export const inThisProcess: Host = { open: (options) => LocalSpool.open(options), end: async () => {} };

const killed = new Error("the process was killed");

/** Starts processes that wait for a spool to open; one is always ahead, since starting takes longer than a history. */
export class KillableHost implements Host {
  #next: Remote = new Remote();
  #now: Remote | null = null;
  kills = 0;

  async open({ now = Date.now, ...options }: LocalSpoolOptions): Promise<ModelSpool> {
    if (!this.#now) {
      this.#now = this.#next;
      this.#next = new Remote();
    }
    this.#now.now = now;
    await this.#now.call("open", [options]);
    return this.#now.spool;
  }

  async kill(): Promise<void> {
    this.kills++;
    await this.#now?.kill();
    this.#now = null;
  }

  async end(): Promise<void> {
    await Promise.all([this.#now?.kill(), this.#next.kill()]);
  }
}

class Remote {
  now: () => number = Date.now;
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  readonly #watchers = new Map<number, UploadWatcher>();
  #calls = 0;

  constructor() {
    this.#child = spawn(process.execPath, [childScript("model-child.ts")], {
      env: withoutCoverage(process.env),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    this.#gone = once(this.#child, "close");
    this.#child.on("message", (answer: Answer) => this.#hear(answer));
    this.#child.on("close", () => {
      for (const { reject } of this.#open.values()) reject(killed);
    });
  }

  #hear(answer: Answer): void {
    if ("durable" in answer) return this.#watchers.get(answer.upload)?.onDurable(answer.durable);
    const call = this.#open.get(answer.number);
    this.#open.delete(answer.number);
    if ("value" in answer) call?.resolve(answer.value);
    else call?.reject(new FilespoolError(answer.failure.code, answer.failure.message));
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#gone;
  }

  call<T>(method: string, values: readonly unknown[], upload?: number, watcher?: UploadWatcher): Promise<T> {
    const number = ++this.#calls;
    if (watcher) this.#watchers.set(number, watcher);
    const call: Call = { number, method, values, nowMs: this.now(), ...(upload !== undefined && { upload }) };
    return new Promise((resolve, reject) => {
      this.#open.set(number, { resolve: resolve as (value: unknown) => void, reject });
      // To a process that is gone, nothing can be said; its end rejects the call.
      this.#child.send(call, (error) => void (error && reject(killed)));
    });
  }

  async #offer(offer: unknown, watcher: UploadWatcher): Promise<OfferAnswer> {
    const made = this.#calls + 1;
    const answer = await this.call<{ kind: string; offset: number }>("offer", [offer], undefined, watcher);
    if (answer.kind === "stored") return answer as unknown as OfferAnswer;
    const on =
      (method: string) =>
      (...values: unknown[]) =>
        this.call<void>(method, values, made);
    const upload: Upload = {
      offset: answer.offset,
      ...{ append: on("append"), finish: on("finish"), suspend: on("suspend"), cancel: on("cancel") },
    };
    return { kind: "upload", upload };
  }

  readonly spool: ModelSpool = {
    offer: (offer, watcher) => this.#offer(offer, watcher),
    lease: (queue) => this.call("lease", [queue]),
    ack: (token) => this.call("ack", [token]),
    nack: (token, reason) => this.call("nack", [token, reason]),
    release: (token) => this.call("release", [token]),
    sweep: () => this.call("sweep", []),
    dead: (queue) => this.call("dead", [queue]),
    waiting: (queue) => this.call("waiting", [queue]),
    bytesUsed: () => this.call("bytesUsed", []),
    close: () => this.call("close", []),
    read: async (token, offset, into) => {
      const bytes = await this.call<Uint8Array>("read", [token, offset, into.length]);
      into.set(bytes);
      return bytes.length;
    },
  };
}
