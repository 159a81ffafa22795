/**
 * How a running server can be watched: metrics and health over HTTP, as `--metrics-port` asks for it.
 *
 * The endpoint is there before the spool is opened and until the last connection is over, so that "starting" and
 * "draining" can be told from "gone". Whether the server is ready is found out when somebody asks, by a look at the very
 * folder and disk that the next file would need; nothing is remembered that could be out of date.
 *
 * Never here: numbers (net/extensions/observe/metrics.ts), HTTP (net/extensions/observe/metrics-server.ts), and who may listen where (serve-rules.ts).
 */
import { access, constants, statfs } from "node:fs/promises";
import { errorName } from "../../disk/system-errors.ts";
import { Metrics } from "../../net/extensions/observe/metrics.ts";
import { MetricsServer } from "../../net/extensions/observe/metrics-server.ts";
import { timedSpool } from "../../net/extensions/observe/timed-spool.ts";
import type { Server, ServerEvent } from "../../net/index.ts";
import { ERRORS } from "../../protocol/errors.ts";
import type { LocalSpool } from "../../spool/local-spool.ts";
import { version } from "../environment.ts";
import type { Values } from "../settings/settings.ts";
import { humanSize } from "../settings/units.ts";

/**
 * What lies between a server and its numbers. It exists before the server and after it, which is why each source has
 * an answer for the time when there is none.
 */
export class ServeMetrics {
  readonly #folder: string;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  /** Both are there once the server listens. */
  #server: Server | null = null;
  #spool: LocalSpool | null = null;
  /** Set by `open` before anybody else has this object: the monitor needs our answers, and we need its port. */
  #monitor!: MetricsServer;

  /**
   * Starts to answer, with "starting" until `attach`.
   * @throws FilespoolError address-unusable
   */
  static async open(values: Values, port: number, now: () => number): Promise<ServeMetrics> {
    const watch = new ServeMetrics(values, now);
    watch.#monitor = await MetricsServer.open({
      host: values["metrics-host"],
      port,
      whyNotReady: () => watch.#whyNotReady(),
      metrics: watch.#metrics,
    });
    return watch;
  }

  private constructor(values: Values, now: () => number) {
    this.#folder = values.spool;
    this.#now = now;
    this.#metrics = new Metrics(
      {
        queues: () => this.#spool?.operate.totals ?? null,
        unfinishedUploads: () => this.#spool?.operate.unfinishedUploads ?? 0,
        spoolBytes: () => this.#spool?.bytesUsed() ?? 0,
        diskFreeBytes: async () => (this.#spool ? this.#diskFreeBytes() : 0),
        traffic: () => this.#server?.traffic() ?? { received: 0, sent: 0 },
      },
      { version: version(), durability: values.durability },
    );
  }

  /** Where it listens in truth: the port is the real one, also when 0 was asked for. */
  get host(): string {
    return this.#monitor.host;
  }

  get port(): number {
    return this.#monitor.port;
  }

  /** Takes every event of the server, on the same stack as the server itself; so it adds up and does nothing else. */
  get observe(): (event: ServerEvent) => void {
    return this.#metrics.observe;
  }

  /**
   * The spool as the server should see it, so that its slow calls are timed. Only with metrics: a server that nobody
   * watches has the spool itself.
   */
  timed(spool: LocalSpool): LocalSpool {
    return timedSpool(spool, { now: this.#now, onTiming: this.#metrics.time });
  }

  /**
   * From here on it is about this server. Before, every number is 0 and the answer to "ready?" is no; a scrape that
   * comes too early finds a server that has done nothing yet.
   */
  attach(server: Server, spool: LocalSpool): void {
    this.#server = server;
    this.#spool = spool;
  }

  /** Before the spool is closed: what is closed cannot be asked any more. */
  detach(): void {
    this.#spool = null;
  }

  /**
   * Last of all, when the server and the spool are gone: until then a probe should hear why there is no service, and
   * not a refused connection.
   */
  close(): Promise<void> {
    return this.#monitor.close();
  }

  /** What this user may still write, which is less than what the disk has free: some of that is kept for root. */
  async #diskFreeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  /**
   * The questions that the next file would raise, cheapest first. A sentence for people; a probe looks at the status
   * alone.
   */
  async #whyNotReady(): Promise<string | null> {
    if (this.#server === null || this.#spool === null) return this.#server === null ? "starting" : "stopping";
    if (this.#server.isDraining) return "draining: no new work is taken";
    const { trouble, limits } = this.#spool;
    // The spool knows what became of its last write; and since its sweep tries again, this lasts no longer than the trouble.
    if (trouble) return `the spool cannot be written: ${ERRORS[trouble.code].means}${named(trouble.cause)}`;
    const { diskFreeBytesMin } = limits;
    try {
      await access(this.#folder, constants.R_OK | constants.W_OK);
      const free = await this.#diskFreeBytes();
      if (free >= diskFreeBytesMin) return null;
      return `the disk has ${humanSize(free)} left, and ${humanSize(diskFreeBytesMin)} are to be kept free`;
    } catch (error) {
      // The words of the operating system name the folder, and whoever may read this is not always its owner.
      return `the spool cannot be used${named(error)}`;
    }
  }
}

/** What the system calls an error, in brackets. */
const named = (error: unknown): string => {
  const name = errorName(error);
  return name === undefined ? "" : ` (${name})`;
};
