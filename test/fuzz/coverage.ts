/**
 * Which parts of the code an input reaches, from V8's own counters (the inspector's precise coverage).
 *
 * A mutation that reaches something new is worth keeping and mutating again; that is all of coverage guidance (Zalewski,
 * "American fuzzy lop", technical whitepaper, 2014). As there, counts go into a few classes, so that a loop that runs
 * twice is another place than one that runs once, but 1,001 rounds are not another place than 1,000.
 */
import { type Profiler, Session } from "node:inspector";

const bucket = (count: number): number => Math.min(8, 32 - Math.clz32(count));

export class Coverage {
  readonly #session = new Session();
  readonly #isWatched: (url: string) => boolean;
  readonly #seen = new Set<string>();

  /** @param isWatched which files count, by their URL */
  constructor(isWatched: (url: string) => boolean) {
    this.#isWatched = isWatched;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  get places(): number {
    return this.#seen.size;
  }

  /** Places reached since the last call that no input had reached before. */
  take(): number {
    let fresh = 0;
    for (const { url, functions } of this.#read()) {
      if (!this.#isWatched(url)) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges) {
          // A range that was *not* reached counts as well: V8 tells how far a function got by where its rest begins.
          const place = `${url}:${startOffset}-${endOffset}:${bucket(count)}`;
          if (!this.#seen.has(place)) fresh++;
          this.#seen.add(place);
        }
    }
    return fresh;
  }

  #read(): Profiler.ScriptCoverage[] {
    let scripts: Profiler.ScriptCoverage[] = [];
    // The inspector of one's own thread answers before `post` returns.
    this.#session.post("Profiler.takePreciseCoverage", (_, { result }) => {
      scripts = result;
    });
    return scripts;
  }

  stop(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }
}
