/**
 * What a server does, in numbers, as Prometheus reads them: an extension, on only if it was asked
 * for.
 *
 * There are two kinds of numbers. What *happened* is counted when the server reports it
 * (counters.ts): one addition for each event, and nothing on the way of the bytes. What *is* (files
 * waiting, room on the disk) is looked up at a scrape, so that a server that nobody scrapes does
 * nothing for it.
 *
 * Invariant: labels are bounded. Codes and roles come from closed tables. Queue names come from the
 * wire, so only the fullest queues have a line of their own, and "(other)" has the sum of the rest
 * (fullest-queues.ts). No file name, address or transfer id is ever a label: each would be a new
 * time series.
 *
 * Never here: answering requests (metrics-server.ts), and who may ask. Why a port of its own:
 * adr/0042.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ServerEvent } from "../../events.ts";
import { Counters, ROLES } from "./counters.ts";
import { FullestQueues, type Kind, type QueueSource } from "./fullest-queues.ts";
import type { Timing } from "./timed-spool.ts";

/** What is looked up at a scrape. Each may be called at any time while the server runs. */
export interface MetricsSources {
  /** What the queues hold; null while there is no spool. */
  queues(): QueueSource | null;
  unfinishedUploads(): number;
  spoolBytes(): number;
  diskFreeBytes(): Promise<number>;
  traffic(): { readonly received: number; readonly sent: number };
}

/** What stays the same for the whole life of a server. */
export interface MetricsFacts {
  readonly version: string;
  readonly durability: string;
}

/** Bounds of the histograms, seconds: from a commit in memory to an upload of a day. */
const COMMIT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const UPLOAD_BUCKETS = [0.001, 0.0025, 0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200, 86_400];

/**
 * The numbers of one server. It has a registry of its own, not the library's global one, so that
 * two servers in one process do not add up, and a test can have as many as it likes.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters: Counters;
  /** Roles of the open connections, by their numbers. `observe` adds and removes them. */
  readonly #open = new Map<number, string>();
  /** 0 or 1, as the gauge shows it. It never goes back: a server that drains ends. */
  #isDraining = 0;
  readonly #timings: Record<Timing, Histogram>;
  /** The scrape that is under way. Ten that come together share one look at the disk. */
  #scrape: Promise<string> | null = null;

  constructor(sources: MetricsSources, facts: MetricsFacts) {
    const registers = [this.#registry];
    this.#counters = new Counters(this.#registry);
    counter("filespool_received_bytes_total", "Bytes read from all connections, frames included.", () => {
      return sources.traffic().received;
    });
    counter("filespool_sent_bytes_total", "Bytes written to all connections, frames included.", () => {
      return sources.traffic().sent;
    });

    // From here on: what is looked up at a scrape.
    const { version, durability } = facts;
    gauge("filespool_info", "Always 1; what is running is in the labels.", ["version", "durability"], (info) =>
      info.set({ version, durability }, 1),
    );
    gauge("filespool_draining", "1 once the server takes no new work.", [], (draining) =>
      draining.set(this.#isDraining),
    );
    gauge("filespool_connections", "Open connections that have said hello, by role.", ["role"], (open) => {
      for (const role of ROLES.values) open.set({ role }, 0);
      for (const role of this.#open.values()) open.inc({ role });
    });
    let walk: FullestQueues | null = null;
    const fullest = async (kind: Kind) => {
      const queues = sources.queues();
      if (queues) walk ??= new FullestQueues(queues);
      return queues && walk ? walk.of(kind) : [];
    };
    const waiting = "in the queue, leased ones included; the fullest queues by name, the rest as (other)";
    gauge("filespool_waiting_files", `Files ${waiting}.`, ["queue"], async (files) => {
      for (const [queue, [count]] of await fullest("waiting")) files.set({ queue }, count);
    });
    gauge("filespool_waiting_bytes", `Bytes of the files ${waiting}.`, ["queue"], async (bytes) => {
      for (const [queue, [, sum]] of await fullest("waiting")) bytes.set({ queue }, sum);
    });
    gauge("filespool_dead_letters", "Dead letters of the queue; the rest as (other).", ["queue"], async (letters) => {
      for (const [queue, [count]] of await fullest("dead")) letters.set({ queue }, count);
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
    // Memory, processor, event loop and garbage collection, by the names that dashboards know.
    collectDefaultMetrics({ register: this.#registry });

    /** A counter that is given its value instead of its steps. */
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

    /** A number as it is at the moment of a scrape; `look` sets it. */
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

  /** Counts an event of the server. It is a field because it is passed on as a function. */
  readonly observe = (event: ServerEvent): void => {
    const counters = this.#counters;
    switch (event.event) {
      case "connected":
        this.#open.set(event.connection, event.role);
        counters.add("connected", event.role);
        break;
      case "disconnected":
        this.#open.delete(event.connection);
        if (event.code !== undefined) counters.add("broken", event.code);
        break;
      case "turned-away":
        counters.add("broken", event.code, event.connections);
        break;
      case "stored":
        if (event.repeated) counters.add("repeated");
        else {
          counters.add("stored");
          counters.add("storedBytes", event.size);
        }
        break;
      case "acked":
        counters.add("collected");
        counters.add("collectedBytes", event.size);
        break;
      case "returned":
        counters.add("returned", 1 + (event.more ?? 0));
        if (event.dead) counters.add("dead");
        break;
      case "expired":
        counters.add(event.what === "upload" ? "uploadsExpired" : "expired");
        if (event.dead) counters.add("dead");
        else if (event.what !== "upload") counters.add("expiredBytes", event.size);
        break;
      case "resumed":
      case "delivered":
        counters.add(event.event);
        break;
      case "refused":
        counters.add("refused", event.code, 1 + (event.more ?? 0));
        break;
      case "error":
        counters.add("errors", event.code, event.times);
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
   * The content type of `text`. It names the version of the format, by which a scraper knows how to
   * read it.
   */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All numbers, as text. Callers that come during a scrape get the same answer. */
  text(): Promise<string> {
    this.#scrape ??= this.#registry.metrics().finally(() => {
      this.#scrape = null;
    });
    return this.#scrape;
  }
}
