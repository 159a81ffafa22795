/**
 * The facts that a program has told the world, and what they oblige it to after a power cut.
 *
 * Every line that it says is an event about a transfer. What it is *about to do* is said as well ("acking" before
 * "acked"), so that at any moment it is known which outcomes are possible: what was said must hold, what was begun may
 * have happened or not, and what was not begun must not be there.
 */
export type Place = "waiting" | "dead" | "upload" | "collected" | "nothing";

/** A line that a program said; which fields there are depends on the event. */
export interface Said {
  readonly event: string;
  readonly transfer: string;
  readonly queue: string;
  readonly name: string;
  readonly size: number;
  readonly algorithm: string;
  readonly digest: string;
  readonly offset: number;
  readonly failures: number;
  readonly path: string;
}

type About = Pick<Said, "transfer" | "queue" | "name" | "size" | "algorithm" | "digest">;

export interface Expected extends About {
  /** Where it may be; everywhere else it must not be. */
  readonly places: readonly Place[];
  /** An unfinished upload goes on from here or from further on. */
  readonly durable: number;
  readonly failures: number;
  /** When it was said to be stored, and when to finish it began, as numbers that order events; null: not yet. */
  readonly storedAt: number | null;
  readonly finishingAt: number | null;
  /** Said to be in the folder of a receiver under this path. */
  readonly landed: string | null;
}

interface State {
  readonly about: Said;
  /** When each event was said last. */
  readonly at: Map<string, number>;
  durable: number;
  failures: number;
  landed: string | null;
}

export class Facts {
  /** Facts that oblige: what was begun is none. */
  count = 0;
  #now = 0;
  readonly #states = new Map<string, State>();

  say(said: Said): void {
    this.#now++;
    if (!said.event.endsWith("ing")) this.count++;
    if (said.event === "forgetting") {
      for (const { at } of this.#states.values()) if (at.has("acked")) at.set("forgetting", this.#now);
      return;
    }
    if (said.transfer === undefined) return;
    const begun = { about: said, at: new Map<string, number>(), durable: 0, failures: 0, landed: null };
    const state: State = this.#states.get(said.transfer) ?? begun;
    this.#states.set(said.transfer, state);
    state.at.set(said.event, this.#now);
    if (said.event === "offered") state.at.delete("cancelled"); // the same transfer once more
    if (said.event === "durable") state.durable = said.offset;
    if (said.event === "cancelling") state.durable = 0;
    if (said.event === "nacked") state.failures = said.failures;
    if (said.event === "landed") state.landed = said.path;
  }

  expected(): Expected[] {
    return [...this.#states.values()].map((state) => {
      const { about, at, durable, failures, landed } = state;
      const { transfer, queue, name, size, algorithm, digest } = about;
      const file = { transfer, queue, name, size, algorithm: algorithm ?? "blake3", digest };
      const times = { storedAt: at.get("stored") ?? null, finishingAt: at.get("finishing") ?? null };
      return { ...file, ...times, places: placesOf(state), durable, failures, landed };
    });
  }
}

function placesOf({ at, durable }: State): Place[] {
  const has = (event: string) => at.has(event);
  const isUnderWay = (begun: string, over: string) => (at.get(begun) ?? 0) > (at.get(over) ?? 0);
  const collected: Place[] = has("forgetting") ? ["collected", "nothing"] : ["collected"];
  if (has("acked")) return collected;
  if (has("dead")) return ["dead"];
  if (has("stored") || has("acking")) {
    const places: Place[] = ["waiting"];
    if (has("acking")) places.push(...collected);
    if (isUnderWay("nacking", "nacked")) places.push("dead");
    return places;
  }
  if (has("cancelled")) return ["nothing"];
  const places: Place[] = durable > 0 ? ["upload"] : ["upload", "nothing"];
  if (has("finishing")) places.push("waiting");
  if (has("cancelling")) places.push("nothing");
  return places;
}
