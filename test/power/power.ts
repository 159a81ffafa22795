/**
 * One power test: a program is traced, its disk is rebuilt as it could be after a power cut at every moment, and each
 * image is opened and checked.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { builtChild, withoutCoverage } from "../support/built.ts";
import { random as randomNumbers } from "../support/process-files.ts";
import type { Question } from "./check-child.ts";
import { type Expected, Facts, type Said } from "./facts.ts";
import { type Image, imagesOf, writeImage } from "./images.ts";
import { Replay } from "./replay.ts";
import type { Scenario } from "./scenarios.ts";
import { serveImage } from "./serve-image.ts";
import { readTrace } from "./trace.ts";

export interface Outcome {
  scenario: string;
  /** Calls that touched the spool or folder. */
  calls: number;
  /** Moments at which the disk or the facts had changed. */
  cuts: number;
  /** Those of them at which the power was cut. */
  cutsTried: number;
  facts: number;
  /** Distinct pairs of an image and what it owes. */
  images: number;
  /** Obligations compared: transfers looked for, over all images. */
  checks: number;
  /** Images that the real server has served. */
  served: number;
  lost: number;
  damaged: number;
  otherwiseBroken: number;
  /** One sentence for each broken image, the first few. */
  broken: string[];
}

export interface PowerOptions {
  readonly seed: number;
  /** About so many images are made; equal ones count once. */
  readonly images: number;
  /** Images of a spool that are also served by the real server to a real receiver. */
  readonly served?: number;
  /** Ends at the first file that was lost or damaged. */
  readonly stopsAtLoss?: boolean;
  /** Where an image that breaks a promise is kept. */
  readonly keep?: string;
}

const BROKEN_MAX = 20;
/** What is usual at one moment, equal ones not counted. */
const PER_MOMENT = 5;
const CHECK_CHILD = join(import.meta.dirname, "check-child.ts");

/** In memory where that is possible: an image is a few hundred KiB, and there are thousands. */
export const scratch = (): string =>
  realpathSync(mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "filespool-power-")));

export async function powerTest(scenario: Scenario, options: PowerOptions): Promise<Outcome> {
  const work = scratch();
  try {
    const root = join(work, "root");
    mkdirSync(root);
    const traceFile = join(work, "trace");
    await scenario.run({ root, traceFile, work, seed: options.seed });
    const steps = readTrace(traceFile, root);
    rmSync(traceFile);
    return await new PowerTest(scenario, options, work, root).run(steps);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

class PowerTest {
  readonly #scenario: Scenario;
  readonly #options: PowerOptions;
  readonly #work: string;
  readonly #root: string;
  readonly #replay: Replay;
  readonly #facts = new Facts();
  readonly #seen = new Set<string>();
  readonly #checker = new Checker();
  readonly #outcome: Outcome;

  constructor(scenario: Scenario, options: PowerOptions, work: string, root: string) {
    this.#scenario = scenario;
    this.#options = options;
    this.#work = work;
    this.#root = root;
    this.#replay = new Replay(root);
    const counts = {
      calls: 0,
      cuts: 0,
      cutsTried: 0,
      facts: 0,
      images: 0,
      checks: 0,
      served: 0,
      lost: 0,
      damaged: 0,
      otherwiseBroken: 0,
    };
    this.#outcome = { scenario: scenario.name, ...counts, broken: [] };
  }

  async run(steps: ReturnType<typeof readTrace>): Promise<Outcome> {
    const outcome = this.#outcome;
    const random = randomNumbers(this.#options.seed);
    const moments = this.#countMoments(steps);
    const perMoment = this.#options.images / moments;
    // Every moment if that is what the images are enough for, else some of them, a few images each.
    const singles = Math.max(2, Math.floor(perMoment / 5));
    const mixes = Math.max(3, Math.ceil(perMoment / 2));
    for (const said of this.#scenario.prepare?.(steps) ?? []) this.#facts.say(said);
    try {
      for (const step of steps) {
        const { said, changed } = this.#replay.step(step);
        if (step.edge === "start" && changed) outcome.calls++;
        for (const line of said) this.#say(JSON.parse(line) as Said);
        if (!changed && said.length === 0) continue;
        outcome.cuts++;
        const left = this.#options.images - outcome.images;
        if (perMoment < PER_MOMENT && random() > left / PER_MOMENT / (moments - outcome.cuts + 1)) continue;
        outcome.cutsTried++;
        const expected = this.#facts.expected();
        for (const image of imagesOf(this.#replay.root, random, singles, mixes))
          await this.#check(image, expected, step.call.name);
        if (outcome.lost + outcome.damaged > 0 && this.#options.stopsAtLoss) break;
      }
    } finally {
      await this.#checker.close();
    }
    outcome.facts = this.#facts.count;
    return outcome;
  }

  /** The moments at which a power cut may leave something else than before; on a disk of its own. */
  #countMoments(steps: ReturnType<typeof readTrace>): number {
    const replay = new Replay(this.#root);
    return steps.map((step) => replay.step(step)).filter(({ said, changed }) => changed || said.length > 0).length;
  }

  #say(said: Said): void {
    for (const each of this.#scenario.translate?.(said) ?? [said]) this.#facts.say(each);
  }

  async #check(image: Image, expected: readonly Expected[], call: string): Promise<void> {
    const outcome = this.#outcome;
    const key = image.hash + JSON.stringify(expected);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    outcome.images++;
    outcome.checks += expected.length;
    const to = join(this.#work, `image ${outcome.images}`);
    writeImage(image, to);
    const { kind, below } = this.#scenario;
    const broken = await this.#checker.ask({ kind, folder: join(to, below), expected });
    const every = Math.ceil(this.#options.images / (this.#options.served ?? 0)); // Infinity: none
    if (kind === "spool" && outcome.images % every === Math.floor(every / 2)) {
      outcome.served++;
      rmSync(to, { recursive: true, force: true });
      writeImage(image, to);
      broken.push(...(await serveImage(join(to, below), expected, to)));
    }
    for (const what of broken) {
      if (/^(after another start: )?lost/.test(what)) outcome.lost++;
      else if (/^(after another start: )?damaged/.test(what)) outcome.damaged++;
      else outcome.otherwiseBroken++;
      const where = `cut ${outcome.cuts} (${call}), ${image.label}`;
      if (outcome.broken.length < BROKEN_MAX) outcome.broken.push(`${what} [${where}]`);
    }
    if (broken.length > 0 && this.#options.keep) {
      const kept = join(this.#options.keep, `${this.#scenario.name} ${outcome.images}`);
      rmSync(to, { recursive: true, force: true });
      writeImage(image, kept); // the check has changed what it looked at
    } else rmSync(to, { recursive: true, force: true });
  }
}

/** The process that opens images; another one takes over where it dies. */
class Checker {
  #child: ChildProcess | null = null;
  #lines: AsyncIterator<string> | null = null;

  async ask(question: Question): Promise<string[]> {
    this.#child ??= this.#start();
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    const answer = await (this.#lines as AsyncIterator<string>).next();
    if (!answer.done) return JSON.parse(answer.value) as string[];
    const child = this.#child;
    this.#child = null;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const promised = question.expected.some(({ places }) => !places.includes("nothing"));
    return [`${promised ? "lost everything: " : ""}the process ended with ${child.signalCode ?? child.exitCode}`];
  }

  #start(): ChildProcess {
    const child = spawn(process.execPath, [builtChild(CHECK_CHILD)], {
      stdio: ["pipe", "pipe", "ignore"],
      env: withoutCoverage(process.env),
    });
    child.stdin?.on("error", () => {}); // it died; the answer says so
    this.#lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })[Symbol.asyncIterator]();
    return child;
  }

  async close(): Promise<void> {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin?.end();
    await once(this.#child, "exit");
  }
}
