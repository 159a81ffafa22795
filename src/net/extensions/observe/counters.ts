/**
 * Everything that a server counts, as one table. Counting something new takes a row here, and a
 * line where it happens.
 *
 *   late: ["filespool_things_late_total", "Things that came late."],
 *   lost: ["filespool_things_lost_total", "Things that were lost, by error code.", CODES],
 *
 *   counters.add("late")
 *   counters.add("lost", "stalled")
 *
 * Invariant: every line is there from the first scrape on, with 0. Prometheus' `increase()`
 * compares two values of one line. A counter that appears with its first event begins with 1 and
 * has not increased, so the alarm for the first dead letter or the first full disk would not fire.
 * That is why the values of a label are a closed list, `codes` and `roles`, and never come from the
 * wire (the names of queues, say).
 *
 * Counts are plain numbers, which a scrape copies into the library's counters: what happens 30,000
 * times a second must cost next to nothing. Never here: what is looked up at a scrape (metrics.ts).
 * Why: adr/0042, adr/0096.
 */
import { Counter, type Registry } from "prom-client";
import { ERRORS, type ErrorCode } from "../../../protocol/errors.ts";

/** A label, and all values that it can have. */
interface Label {
  readonly name: string;
  readonly values: readonly string[];
}

const CODES: Label = { name: "code", values: Object.keys(ERRORS) as ErrorCode[] };
export const ROLES: Label = { name: "role", values: ["sender", "receiver", "operator"] };

type Row = readonly [name: `filespool_${string}_total`, help: string, label?: Label];

/** All counters, in the order of a scrape. */
export const COUNTERS = {
  stored: ["filespool_transfers_stored_total", "Files that became durable and were acknowledged to their sender."],
  repeated: ["filespool_transfers_repeated_total", "Offers of files that were stored before, answered from the index."],
  resumed: ["filespool_transfers_resumed_total", "Uploads that went on from bytes of an earlier connection."],
  delivered: ["filespool_deliveries_total", "Attempts to hand a file to a receiver."],
  collected: ["filespool_transfers_collected_total", "Files that a receiver has verified and acknowledged."],
  returned: ["filespool_deliveries_returned_total", "Deliveries that failed or ran out of time."],
  dead: ["filespool_transfers_dead_total", "Files that failed too often, or expired, and became dead letters."],
  expired: ["filespool_transfers_expired_total", "Files and dead letters that nobody collected in time."],
  expiredBytes: ["filespool_expired_bytes_total", "Content of those of them that were removed, bytes."],
  uploadsExpired: ["filespool_uploads_expired_total", "Unfinished uploads removed because nobody went on with them."],
  storedBytes: ["filespool_stored_bytes_total", "Content of the files that became durable, bytes."],
  collectedBytes: ["filespool_collected_bytes_total", "Content of the files that were collected, bytes."],
  refused: ["filespool_transfers_refused_total", "Files that were refused, by error code.", CODES],
  broken: ["filespool_connections_broken_total", "Conversations that ended in an error, by error code.", CODES],
  errors: ["filespool_errors_total", "The server's own troubles, by error code.", CODES],
  connected: ["filespool_connections_total", "Connections that said hello, by role.", ROLES],
} as const satisfies Record<string, Row>;

type Name = keyof typeof COUNTERS;
/** The counters that have a label. */
type Labelled = { [N in Name]: (typeof COUNTERS)[N] extends readonly [string, string, Label] ? N : never }[Name];

/** The counts of one server. */
export class Counters {
  /** By name, then by the value of the label. A counter without a label has one value, "". */
  readonly #counts = new Map<Name, Map<string, number>>();

  constructor(registry: Registry) {
    for (const [key, [name, help, label]] of Object.entries(COUNTERS) as [Name, Row][]) {
      const counts = new Map((label?.values ?? [""]).map((value) => [value, 0]));
      this.#counts.set(key, counts);
      new Counter({
        name,
        help,
        labelNames: label ? [label.name] : [],
        registers: [registry],
        collect() {
          this.reset();
          for (const [value, count] of counts) this.inc(label ? { [label.name]: value } : {}, count);
        },
      });
    }
  }

  /** Counts one more, or `by` more. */
  add(key: Exclude<Name, Labelled>, by?: number): void;
  add(key: Labelled, value: string, by?: number): void;
  add(key: Name, first: string | number = 1, by = 1): void {
    const counts = this.#counts.get(key) as Map<string, number>;
    const [value, more] = typeof first === "string" ? [first, by] : ["", first];
    counts.set(value, (counts.get(value) ?? 0) + more);
  }
}
