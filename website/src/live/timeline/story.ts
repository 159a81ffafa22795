/**
 * What a run leaves behind: a list of what happened, plain enough to be compared, drawn and scrubbed through.
 *
 * Invariant: everything a picture shows at some moment follows from this list and that moment alone (`at`).
 */

/** What was killed is started again after this. */
export const RESTART_MS = 400;

export type Who = "sender" | "server" | "receiver";

export interface Settings {
  readonly seed: number;
  /** One way. */
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
  readonly bufferBytes: number;
  readonly fileBytes: number;
  readonly faults: readonly Fault[];
}

/** What may go wrong, and whose line in the picture shows it. */
export const FAULTS = {
  "cut-sender": { who: "sender", text: "cut the sender off" },
  "cut-receiver": { who: "receiver", text: "cut the receiver off" },
  "kill-sender": { who: "sender", text: "kill the sender" },
  "kill-server": { who: "server", text: "kill the server" },
  "kill-receiver": { who: "receiver", text: "kill the receiver" },
  crash: { who: "server", text: "cut the server's power" },
  flip: { who: "sender", text: "flip a bit" },
} as const satisfies Record<string, { readonly who: Who; readonly text: string }>;

export interface Fault {
  readonly kind: keyof typeof FAULTS;
  readonly atMs: number;
}

/** One frame on its way. */
export interface Flight {
  readonly from: Who;
  readonly to: Who;
  readonly name: string;
  readonly text: string;
  /** Header and payload. */
  readonly bytes: number;
  readonly sentMs: number;
  /** When its last byte leaves, and when it arrives. */
  readonly leftMs: number;
  readonly arrivesMs: number;
  /** "partly": the connection was cut when some of its bytes had arrived. */
  readonly fate: "whole" | "damaged" | "partly" | "lost";
  /** When it was lost; otherwise the time of arrival. */
  readonly overMs: number;
}

export interface Mark {
  readonly atMs: number;
  readonly who: Who;
  readonly kind: "fault" | "connected" | "lost" | "durable" | "stored" | "landed" | "error" | "resumed" | "up";
  readonly text: string;
}

/** A conversation took an event. */
export interface Change {
  readonly atMs: number;
  readonly who: Who;
  /** The server has two halves. */
  readonly half: "upload" | "delivery";
  readonly event: string;
  readonly state: string;
}

/** A number that only this list knows: bytes durable at the server, or held by the receiver. */
export interface Level {
  readonly atMs: number;
  readonly what: "taken" | "durable" | "held";
  readonly bytes: number;
}

export interface Story {
  readonly flights: readonly Flight[];
  readonly marks: readonly Mark[];
  readonly changes: readonly Change[];
  readonly levels: readonly Level[];
  readonly endMs: number;
  /** The digest that left and the one that landed; null when nothing did. */
  readonly sent: string;
  readonly landed: string | null;
  /** How often it landed: a file that lands twice is a bug. */
  readonly landings: number;
}

/** What is the case at a moment. */
export interface Moment {
  readonly states: {
    readonly sender: string;
    readonly upload: string;
    readonly delivery: string;
    readonly receiver: string;
  };
  readonly taken: number;
  readonly durable: number;
  readonly held: number;
  readonly isStored: boolean;
  readonly isLanded: boolean;
  readonly inFlight: readonly Flight[];
  /** The last thing worth a sentence. */
  readonly last: Mark | null;
}

export function at({ flights, marks, changes, levels }: Story, ms: number): Moment {
  const before = <T extends { readonly atMs: number }>(list: readonly T[]) => list.filter(({ atMs }) => atMs <= ms);
  const state = (who: Who, half: Change["half"], start: string) =>
    before(changes).findLast((change) => change.who === who && change.half === half)?.state ?? start;
  const level = (what: Level["what"]) => before(levels).findLast((one) => one.what === what)?.bytes ?? 0;
  const happened = (kind: Mark["kind"]) => before(marks).some((mark) => mark.kind === kind);
  return {
    states: {
      sender: state("sender", "upload", "waiting"),
      upload: state("server", "upload", "no connection"),
      delivery: state("server", "delivery", "no connection"),
      receiver: state("receiver", "delivery", "no connection"),
    },
    taken: level("taken"),
    durable: level("durable"),
    held: level("held"),
    isStored: happened("stored"),
    isLanded: happened("landed"),
    inFlight: flights.filter(({ sentMs, overMs }) => sentMs <= ms && ms < overMs),
    last: before(marks).at(-1) ?? null,
  };
}

/** Collects a story while it happens. */
export class Scribe {
  readonly flights: Flight[] = [];
  readonly marks: Mark[] = [];
  readonly changes: Change[] = [];
  readonly levels: Level[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  mark(who: Who, kind: Mark["kind"], text: string): void {
    this.marks.push({ atMs: this.#now(), who, kind, text });
  }

  change(who: Who, half: Change["half"], event: string, state: string): void {
    this.changes.push({ atMs: this.#now(), who, half, event, state });
  }

  /** Returns whether this is news. */
  level(what: Level["what"], bytes: number): boolean {
    const isNews = this.levels.findLast((one) => one.what === what)?.bytes !== bytes;
    if (isNews) this.levels.push({ atMs: this.#now(), what, bytes });
    return isNews;
  }
}
