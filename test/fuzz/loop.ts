/** The fuzzing loop: take an input that reached something new, change it a little, run it, keep it if it does so too. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { random as randomOf } from "../support/process-files.ts";
import type { Coverage } from "./coverage.ts";
import { framesIn, mutate } from "./mutate.ts";
import type { Target } from "./targets.ts";

const VECTORS = join(import.meta.dirname, "../vectors");

/** Larger inputs are slow, and hide what matters in them. */
const INPUT_BYTES_MAX = 256 * 1024;

const NEWEST = 8;

export interface Finding {
  readonly input: Buffer;
  readonly error: Error;
}

/** Frames of the vectors, and conversations made of them: where mutation begins. */
export function seedCorpus(): Buffer[] {
  const { frames } = JSON.parse(readFileSync(join(VECTORS, "frames.json"), "utf8")) as {
    frames: { title: string; type: string; hex: string }[];
  };
  const single = frames.map(({ hex }) => Buffer.from(hex, "hex"));
  const ofType = (...types: string[]) =>
    Buffer.concat(types.map((type) => Buffer.from(frames.find((frame) => frame.type === type)?.hex ?? "", "hex")));
  const asSender = (frames: Buffer) =>
    Buffer.from(frames.toString("latin1").replace('"receiver"', '"sender"  '), "latin1");
  const whole = [
    ofType("hello", "want", "ack", "working", "nack", "start", "bye"),
    asSender(ofType("hello", "offer", "data", "finish", "cancel", "offer", "bye")),
  ];
  return [...single, ...whole];
}

/** Inputs that once broke something, by file name. */
export function findings(): { name: string; target: string; input: Buffer }[] {
  const folder = join(VECTORS, "fuzz");
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.map((name) => {
    const { target, hex } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { target: string; hex: string };
    return { name, target, input: Buffer.from(hex, "hex") };
  });
}

export class Loop {
  readonly corpus: Buffer[];
  runs = 0;
  readonly #target: Target;
  readonly #coverage: Coverage | null;
  readonly #random: (max: number) => number;

  /** @param coverage null mutates blindly, to have something to compare with */
  constructor(target: Target, corpus: readonly Buffer[], coverage: Coverage | null, seed: number) {
    this.#target = target;
    this.corpus = [...corpus];
    this.#coverage = coverage;
    const next = randomOf(seed);
    this.#random = (max) => Math.floor(next() * max);
  }

  /** Runs inputs until one breaks a rule, or `shouldContinue` says no. */
  async run(shouldContinue: () => boolean): Promise<Finding | null> {
    for (const input of [...this.corpus]) {
      const finding = await this.#try(input);
      if (finding) return finding;
    }
    while (shouldContinue()) {
      // Half of the time one of the newest: where something was found just now, there is often more.
      const pick = () => {
        const among = this.#random(2) ? this.corpus.length : Math.min(this.corpus.length, NEWEST);
        return this.corpus.at(-1 - this.#random(among)) as Buffer;
      };
      const input = mutate(pick(), pick(), this.#random).subarray(0, INPUT_BYTES_MAX);
      const finding = await this.#try(input);
      if (finding) return finding;
    }
    return null;
  }

  async #try(input: Buffer): Promise<Finding | null> {
    this.runs++;
    const error = await failureOf(this.#target, input);
    if (error) return { input: await this.#shrink(input, error), error };
    if (this.#coverage && this.#coverage.take() > 0) this.corpus.push(input);
    return null;
  }

  /** Leaves out frames, then ever smaller pieces, as long as it fails in the same way. */
  async #shrink(input: Buffer, { message }: Error): Promise<Buffer> {
    const stillFails = async (smaller: Buffer) => (await failureOf(this.#target, smaller))?.message === message;
    let best = input;
    for (let at = 0; at < framesIn(best).length; ) {
      const fewer = Buffer.concat(framesIn(best).filter((_, index) => index !== at));
      if (await stillFails(fewer)) best = fewer;
      else at++;
    }
    for (let size = best.length >> 1; size > 0; size >>= 1)
      for (let at = 0; at + size <= best.length; ) {
        const fewer = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
        if (await stillFails(fewer)) best = fewer;
        else at += size;
      }
    return best;
  }
}

async function failureOf(target: Target, input: Buffer): Promise<Error | null> {
  try {
    await target(input);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** A finding as it is kept: test/vectors/fuzz/<name>, which every later run tries again. */
export function vectorOf(target: string, { input, error }: Finding): { name: string; text: string } {
  const hash = createHash("sha256").update(input).digest("hex").slice(0, 12);
  const vector = { target, broke: error.message, hex: input.toString("hex") };
  return { name: `${target}-${hash}.json`, text: `${JSON.stringify(vector, null, 2)}\n` };
}
