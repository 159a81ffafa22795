/**
 * One round: a server, a sender and one or two receivers at work, who are killed again and again as a plan says.
 *
 * Whoever was killed is started again, with the next fault that is planned for it. A sender starts again only with the
 * files that were not yet *reported* stored: if the server had lost one of the others, nobody would send it again, and
 * it would be missing in the end. What is checked, from outside:
 *
 *   - at each kill and in the end: a visible file is whole and right
 *   - in the end: every file is there, once in each folder at most (a second copy would have another name), in the order
 *     of sending where one receiver took them all, and neither spool nor folders keep anything of ours
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "./faults.ts";
import { damaged, namesIn, type Sent } from "./files.ts";
import { type Kind, Program, type Said } from "./program.ts";

export interface Plan {
  readonly receivers: 1 | 2;
  /** For each kind, the faults of its first life, of its second, and so on. "" is a random moment. */
  readonly faults: Readonly<Record<Kind, readonly Fault[]>>;
  /** Milliseconds after which a random kill comes, drawn anew each time. */
  readonly momentMs: () => number;
}

export interface Outcome {
  readonly kills: { readonly kind: Kind; readonly fault: Fault }[];
  readonly acknowledged: number;
  readonly bytes: number;
  /** Sentences; none when all is well. */
  readonly broken: string[];
}

const ROUND_MS_MAX = 120_000;
/** Files that may be between landing and ack when their receiver dies. */
const BATCH_MAX = 64;

export class Round {
  readonly #folder: string;
  readonly #files: readonly Sent[];
  readonly #plan: Plan;
  readonly #built: boolean;
  readonly #lives = { server: 0, sender: 0, receiver: 0 };
  readonly #programs: Program[] = [];
  readonly #stored = new Set<string>();
  readonly #landed: number[] = [];
  readonly #checked = new Set<string>();
  readonly #kills: { kind: Kind; fault: Fault }[] = [];
  readonly #broken: string[] = [];
  #port = 0;
  #senderIsDone = false;
  #isEnding = false;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(folder: string, files: readonly Sent[], plan: Plan, built: boolean) {
    this.#folder = folder;
    this.#files = files;
    this.#plan = plan;
    this.#built = built;
    mkdirSync(folder, { recursive: true });
  }

  get #inboxes(): string[] {
    return ["inbox 0", "inbox 1"].slice(0, this.#plan.receivers).map((name) => join(this.#folder, name));
  }

  async run(): Promise<Outcome> {
    const late = setTimeout(() => {
      this.#broken.push(`it did not end in ${ROUND_MS_MAX} ms`);
      this.#wake();
    }, ROUND_MS_MAX);
    this.#startServer();
    await this.#until(() => this.#port > 0);
    this.#startSender();
    for (const inbox of this.#inboxes) this.#startReceiver(inbox);
    await this.#until(() => this.#senderIsDone && new Set(this.#namesLanded()).size >= this.#files.length);
    await this.#end();
    clearTimeout(late);
    this.#isOver = true;
    for (const program of this.#programs) program.kill();
    await Promise.all(this.#programs.map(({ ended }) => ended));
    const bytes = this.#files.reduce((sum, { size }) => sum + size, 0);
    return { kills: this.#kills, acknowledged: this.#stored.size, bytes, broken: this.#broken };
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && this.#broken.length === 0)
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
  }

  #namesLanded(): string[] {
    return this.#inboxes.flatMap((inbox) => namesIn(inbox).landed);
  }

  #start(kind: Kind, words: readonly string[], again: () => void): void {
    const life = this.#lives[kind]++;
    const fault = this.#isEnding ? undefined : this.#plan.faults[kind][life];
    const program = new Program(kind, words, this.#folder, fault ?? "", this.#built, () => {
      if (!program.isOver) this.#hear(program);
      this.#wake();
    });
    this.#programs.push(program);
    const timer = fault === "" ? setTimeout(() => program.kill(), this.#plan.momentMs()) : undefined;
    void program.ended.then((ending) => {
      clearTimeout(timer);
      this.#hear(program);
      if (ending === "SIGKILL" && fault !== undefined) this.#kills.push({ kind, fault: fault || "a random moment" });
      for (const path of this.#inboxes.flatMap((inbox) => damaged(inbox, this.#files, this.#checked)))
        this.#broken.push(`${path} is visible, and is not what was sent`);
      if (this.#isOver) return;
      // A server may meet its fault as late as this; the last receivers need one.
      if (this.#isEnding) return kind === "server" ? again() : undefined;
      if (kind === "sender" && ending === 0) this.#senderIsDone = true;
      else if (ending === "SIGKILL") again();
      else this.#broken.push(`the ${kind} ended with ${ending}: ${program.stderr.slice(-500)}`);
      this.#wake();
    });
  }

  readonly #heard = new Map<Program, number>();

  /** Takes what a program has said since the last time. */
  #hear(program: Program): void {
    const from = this.#heard.get(program) ?? 0;
    this.#heard.set(program, program.said.length);
    for (const said of program.said.slice(from)) this.#note(program.kind, said);
  }

  #note(kind: Kind, said: Said): void {
    if (said.event === "listening") this.#port = said.port;
    if (kind === "sender" && said.event === "stored") this.#stored.add(said.name);
    if (kind === "receiver" && said.event === "landed")
      this.#landed.push(this.#files.findIndex(({ name }) => name === said.name));
    if (said.event === "error" && said.code !== "shutting-down")
      this.#broken.push(`the ${kind} says ${said.code}: ${said.message}`);
  }

  #startServer(): void {
    const words = ["--port", String(this.#port), "--spool", "spool"];
    this.#start("server", words, () => this.#startServer());
  }

  #startSender(): void {
    const left = this.#files.filter(({ name }) => !this.#stored.has(name)).map(({ path }) => path);
    // Killed after the last file: what is left is to run it with nothing to do.
    if (left.length === 0) {
      this.#senderIsDone = true;
      return;
    }
    const words = ["--port", String(this.#port), "--retry", "5m", ...left];
    this.#start("sender", words, () => this.#startSender());
  }

  #receiverWords(inbox: string, retry = "5m"): string[] {
    return ["--port", String(this.#port), "--retry", retry, "--out", inbox, "--if-exists", "rename"];
  }

  #startReceiver(inbox: string): void {
    const words = [...this.#receiverWords(inbox), "--follow"];
    this.#start("receiver", words, () => this.#startReceiver(inbox));
  }

  /** Lets everything come to rest, and then looks at what there is. */
  async #end(): Promise<void> {
    this.#isEnding = true;
    // One last life for the dead, without faults; and a run of each receiver that takes what is left, and cleans up.
    for (const program of this.#programs) if (program.kind !== "server") program.kill();
    await Promise.all(this.#programs.filter(({ kind }) => kind !== "server").map(({ ended }) => ended));
    for (const inbox of this.#inboxes) {
      const last = new Program("receiver", this.#receiverWords(inbox, "30s"), this.#folder, "", this.#built, () => {});
      if ((await last.ended) !== 0) this.#broken.push(`the last receiver ended with ${last.ending}: ${last.stderr}`);
    }
    this.#compare();
  }

  #compare(): void {
    const names = this.#namesLanded();
    const two = this.#plan.receivers === 2;
    const copies = names.filter((name) => / \(\d+\)$/.test(name));
    if (copies.length > 0) this.#broken.push(`duplicated: ${copies.join(", ")}`);
    const lost = this.#files.filter(({ name }) => !names.includes(name));
    if (lost.length > 0) this.#broken.push(`lost: ${lost.map(({ name }) => name).join(", ")}`);
    const inOrder = this.#landed.every((number, at) => at === 0 || number > (this.#landed[at - 1] as number));
    if (!two && !inOrder) this.#broken.push(`out of order: ${this.#landed.join(", ")}`);
    // With two receivers, a file whose receiver died between landing and ack goes to the other as well, and what one had
    // of a file that the other landed stays as a part until it is old: at least once, and once for each folder.
    const ours = this.#inboxes
      .flatMap((inbox) => namesIn(inbox).ours)
      .filter((name) => !(two && name.endsWith(".part")));
    const twice = names.length - new Set(names).size;
    if (twice > this.#kills.filter(({ kind }) => kind === "receiver").length * BATCH_MAX)
      this.#broken.push(`duplicated: ${twice} files are in both folders`);
    if (ours.length > 0) this.#broken.push(`left behind in the folder: ${ours.join(", ")}`);
    const data = namesIn(join(this.#folder, "spool/data")).landed;
    if (data.length > 0) this.#broken.push(`left behind in the spool: ${data.join(", ")}`);
  }
}
