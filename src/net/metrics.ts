/**
 * What a server does, in numbers, as Prometheus reads them: an extension, on only where somebody asked for it.
 *
 * Two kinds of numbers, by how they are had. What *happened* is counted when the server tells of it: an addition per
 * event, and nothing on the way of the bytes. What *is* (files waiting, room on the disk) is looked up when somebody
 * scrapes, so that a server nobody looks at does nothing for it.
 *
 * Labels are bounded: codes and roles come from closed tables. Queue names come from the wire, so only the hundred
 * fullest have a line of their own, and "(other)", which cannot be a queue's name, has the sum of the rest.
 * No name of a file, no address and no transfer id is ever a label: each would be a new time series.
 *
 * Never here: answering requests (monitor.ts), and who may ask. Why a port of its own: adr/0042.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ServerEvent } from "./events.ts";
import type { Timing } from "./timed-spool.ts";

/** Queues with lines of their own; more are summed up. */
export const QUEUES_SHOWN = 100;
/** Before the name of a queue, where the index keeps its dead letters. */
const DEAD = "!dead/";

/** What is looked up at a scrape. Each may be asked at any time while the server runs. */
export interface MetricsSources {
  /** Files and bytes by queue; dead letters of `q` under `!dead/q`. */
  queues(): ReadonlyMap<string, readonly [files: number, bytes: number]>;
  unfinishedUploads(): number;
  spoolBytes(): number;
  diskFreeBytes(): Promise<number>;
  traffic(): { readonly received: number; readonly sent: number };
}

/** What is the same for the whole life of a server. */
export interface MetricsFacts {
  readonly version: string;
  readonly durability: string;
}

/** Seconds: from an in-memory commit to an upload of a day. Each step is 2.5 or 4 times the one before. */
const COMMIT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const UPLOAD_BUCKETS = [0.001, 0.0025, 0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200, 86_400];

/** One table, so that the documentation of a counter is its row. */
const COUNTERS = {
  stored: ["filespool_transfers_stored_total", "Files that became durable and were acknowledged to their sender."],
  repeated: ["filespool_transfers_repeated_total", "Offers of files that were stored before, answered from the index."],
  resumed: ["filespool_transfers_resumed_total", "Uploads that went on from bytes of an earlier connection."],
  delivered: ["filespool_deliveries_total", "Attempts to hand a file to a receiver."],
  collected: ["filespool_transfers_collected_total", "Files that a receiver has verified and acknowledged."],
  returned: ["filespool_deliveries_returned_total", "Deliveries that failed or ran out of time."],
  dead: ["filespool_transfers_dead_total", "Files that failed too often and became dead letters."],
  storedBytes: ["filespool_stored_bytes_total", "Content of the files that became durable, bytes."],
  collectedBytes: ["filespool_collected_bytes_total", "Content of the files that were collected, bytes."],
} as const satisfies Record<string, readonly [name: `filespool_${string}_total`, help: string]>;

/**
 * The numbers of one server. A registry of its own and not the global one of the library, so that two servers in one
 * process do not add up, and a test can have as many as it likes.
 */
export class Metrics {
  readonly #registry = new Registry();
  /** Plain numbers, put into counters at a scrape: what happens 30,000 times a second must cost next to nothing. */
  readonly #happened: Record<keyof typeof COUNTERS, number>;
  /** By error code, which is a closed table (protocol/errors.ts): so these three stay small whatever peers do. */
  readonly #refused = new Map<string, number>();
  readonly #broken = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #connected = { sender: 0, receiver: 0 } as Record<string, number>;
  /** Connections that are open, with their role, by number. */
  readonly #open = new Map<number, string>();
  /** 0 or 1, as the gauge shows it. There is no way back: a server that drains ends. */
  #isDraining = 0;
  readonly #timings: Record<Timing, Histogram>;
  /** The scrape that is under way. Ten that come together cost one look at the disk. */
  #scrape: Promise<string> | null = null;

  constructor(sources: MetricsSources, facts: MetricsFacts) {
    const registers = [this.#registry];
    this.#happened = zeroes();
    for (const [key, [name, help]] of Object.entries(COUNTERS)) {
      counter(name, help, () => this.#happened[key as keyof typeof COUNTERS]);
    }
    byLabel("filespool_transfers_refused_total", "Files that were refused, by error code.", "code", this.#refused);
    byLabel(
      "filespool_connections_broken_total",
      "Conversations that ended in an error, by error code.",
      "code",
      this.#broken,
    );
    byLabel("filespool_errors_total", "The server's own troubles, by error code.", "code", this.#errors);
    byLabel("filespool_connections_total", "Connections that said hello, by role.", "role", this.#connected);
    counter("filespool_received_bytes_total", "Bytes read from all connections, frames included.", () => {
      return sources.traffic().received;
    });
    counter("filespool_sent_bytes_total", "Bytes written to all connections, frames included.", () => {
      return sources.traffic().sent;
    });

    // From here on, what is looked up at a scrape.
    const { version, durability } = facts;
    gauge("filespool_info", "Always 1; what is running is in the labels.", ["version", "durability"], (info) =>
      info.set({ version, durability }, 1),
    );
    gauge("filespool_draining", "1 once the server takes no new work.", [], (draining) =>
      draining.set(this.#isDraining),
    );
    gauge("filespool_connections", "Open connections that have said hello, by role.", ["role"], (open) => {
      for (const role of ["sender", "receiver"]) open.set({ role }, 0);
      for (const role of this.#open.values()) open.inc({ role });
    });
    const waiting = "in the queue, leased ones included; the fullest queues by name, the rest as (other)";
    gauge("filespool_waiting_files", `Files ${waiting}.`, ["queue"], (files) => {
      for (const [queue, [count]] of fullest(sources.queues(), "waiting")) files.set({ queue }, count);
    });
    gauge("filespool_waiting_bytes", `Bytes of the files ${waiting}.`, ["queue"], (bytes) => {
      for (const [queue, [, sum]] of fullest(sources.queues(), "waiting")) bytes.set({ queue }, sum);
    });
    gauge("filespool_dead_letters", "Dead letters of the queue; the rest as (other).", ["queue"], (letters) => {
      for (const [queue, [count]] of fullest(sources.queues(), "dead")) letters.set({ queue }, count);
    });
    gauge("filespool_unfinished_uploads", "Uploads that hold a reservation and are not stored yet.", [], (uploads) =>
      uploads.set(sources.unfinishedUploads()),
    );
    gauge("filespool_spool_used_bytes", "Bytes of all files, dead letters and reservations.", [], (used) =>
      used.set(sources.spoolBytes()),
    );
    gauge("filespool_disk_free_bytes", "Bytes that the spool's disk has left for this user.", [], async (free) =>
      free.set(await sources.diskFreeBytes()),
    );

    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, registers });
    this.#timings = {
      upload: histogram("filespool_upload_seconds", "From the (continued) offer to stored.", UPLOAD_BUCKETS),
      store: histogram("filespool_store_seconds", "From the last byte to stored: verify and sync.", COMMIT_BUCKETS),
      ack: histogram("filespool_ack_seconds", "To take a file off its queue durably: one commit.", COMMIT_BUCKETS),
    };
    // Memory, processor, event loop and garbage collection of the process, by the names that dashboards know.
    collectDefaultMetrics({ register: this.#registry });

    /** A counter that is told its value instead of its steps. */
    function counter(name: string, help: string, value: () => number): void {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(value());
        },
      });
    }

    /**
     * One line for each value that has occurred. Only what the server itself has named may be a label; see the header.
     */
    function byLabel(
      name: string,
      help: string,
      label: string,
      counts: Map<string, number> | Record<string, number>,
    ): void {
      new Counter({
        name,
        help,
        labelNames: [label],
        registers,
        collect() {
          this.reset();
          const entries = counts instanceof Map ? counts : Object.entries(counts);
          for (const [value, count] of entries) this.inc({ [label]: value }, count);
        },
      });
    }

    /** What is, as it is at the moment of the scrape; `look` sets it. */
    function gauge<L extends string>(
      name: string,
      help: string,
      labelNames: L[],
      look: (gauge: Gauge<L>) => void | Promise<void>,
    ): void {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        async collect() {
          this.reset(); // a queue that is empty now has no line
          await look(this as Gauge<L>);
        },
      });
    }
  }

  /** Counts an event of the server. A field, since it is handed on as it is. */
  readonly observe = (event: ServerEvent): void => {
    const happened = this.#happened;
    switch (event.event) {
      case "connected":
        this.#open.set(event.connection, event.role);
        add(this.#connected, event.role);
        break;
      case "disconnected":
        this.#open.delete(event.connection);
        if (event.code !== undefined) count(this.#broken, event.code);
        break;
      case "turned-away":
        count(this.#broken, event.code, event.connections);
        break;
      case "stored":
        if (event.repeated) happened.repeated++;
        else {
          happened.stored++;
          happened.storedBytes += event.size;
        }
        break;
      case "acked":
        happened.collected++;
        happened.collectedBytes += event.size;
        break;
      case "returned":
        happened.returned += 1 + (event.more ?? 0);
        if (event.dead) happened.dead++;
        break;
      case "resumed":
      case "delivered":
        happened[event.event]++;
        break;
      case "refused":
        count(this.#refused, event.code, 1 + (event.more ?? 0));
        break;
      case "error":
        count(this.#errors, event.code, event.times);
        break;
      case "draining":
        this.#isDraining = 1;
        break;
      default:
        break;
    }
  };

  /** Notes how long a call of the spool took; see timed-spool.ts. */
  readonly time = (what: Timing, ms: number): void => this.#timings[what].observe(ms / 1000);

  /**
   * The type of the text that `text` gives. It names the version of the text format, by which a scraper knows how to
   * read it.
   */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of it, as text. Whoever asks while another is being answered gets the same answer. */
  text(): Promise<string> {
    this.#scrape ??= this.#registry.metrics().finally(() => {
      this.#scrape = null;
    });
    return this.#scrape;
  }
}

/** All counters begin with 0 and not with nothing: a rate needs a first value, and "never" should be a number. */
const zeroes = () =>
  Object.fromEntries(Object.keys(COUNTERS).map((key) => [key, 0])) as Record<keyof typeof COUNTERS, number>;

const count = (counts: Map<string, number>, key: string, by = 1): unknown =>
  counts.set(key, (counts.get(key) ?? 0) + by);

/** One more of it. Both forms of counts end at the same place: a line for each key. */
function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

/**
 * The queues with the most files, and the sum of all others.
 * @param kind whether the waiting files are asked for, or the dead letters
 */
export function fullest(
  queues: ReadonlyMap<string, readonly [files: number, bytes: number]>,
  kind: "waiting" | "dead",
): [queue: string, total: readonly [files: number, bytes: number]][] {
  const wanted = [...queues]
    .filter(([name]) => name.startsWith(DEAD) === (kind === "dead"))
    .map(([name, total]) => [kind === "dead" ? name.slice(DEAD.length) : name, total] as [string, typeof total]);
  // Sorting is for those who have more queues than a person would make.
  if (wanted.length <= QUEUES_SHOWN) return wanted;
  wanted.sort(([, [a]], [, [b]]) => b - a);
  const rest = wanted
    .splice(QUEUES_SHOWN)
    .reduce(([files, bytes], [, [f, b]]) => [files + f, bytes + b] as const, [0, 0] as readonly [number, number]);
  return [...wanted, ["(other)", rest]];
}
