/**
 * Metrics and health of a running server over HTTP, for `--metrics-port`.
 *
 * The endpoint opens before the spool and closes after the last connection, so a probe can distinguish "starting" and
 * "draining" from a server that does not run. Each question "is it ready?" checks the folder and the disk that the next
 * file would need. No answer is cached.
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
 * Connects a server with its metrics. It exists before and after the server, so each source has a value for the time without
 * one.
 */
export class ServeMetrics {
  readonly #folder: string;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  /** Both are set by `attach`, when the server listens. */
  #server: Server | null = null;
  #spool: LocalSpool | null = null;
  /** Set by `open` before anybody else has this object: the two need each other. */
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

  /** The address on which it listens; with --metrics-port 0, the real port. */
  get host(): string {
    return this.#monitor.host;
  }

  get port(): number {
    return this.#monitor.port;
  }

  /** Takes every event of the server. The server waits for it, so it only adds numbers. */
  get observe(): (event: ServerEvent) => void {
    return this.#metrics.observe;
  }

  /**
   * The spool with a timer around its slow calls. A server without metrics uses the spool itself.
   */
  timed(spool: LocalSpool): LocalSpool {
    return timedSpool(spool, { now: this.#now, onTiming: this.#metrics.time });
  }

  /**
   * Connects it to a server. Before that, every number is 0, and the answer to "ready?" is no.
   */
  attach(server: Server, spool: LocalSpool): void {
    this.#server = server;
    this.#spool = spool;
  }

  /** Called before the spool closes, because a closed spool cannot be asked. */
  detach(): void {
    this.#spool = null;
  }

  /**
   * Called last, after the server and the spool are closed. Until then, a probe gets the reason why there is no service, and
   * not a refused connection.
   */
  close(): Promise<void> {
    return this.#monitor.close();
  }

  /** Bytes that this user may still write. The disk keeps some free bytes for root. */
  async #diskFreeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  /**
   * Why the server cannot take the next file; null when it can. The cheapest checks come first. The sentence is for people; a
   * probe reads only the status.
   */
  async #whyNotReady(): Promise<string | null> {
    if (this.#server === null || this.#spool === null) return this.#server === null ? "starting" : "stopping";
    if (this.#server.isDraining) return "draining: the server takes no new work";
    const { trouble, limits } = this.#spool;
    // The spool knows the result of its last write. Its sweep tries again, so this ends when the error ends.
    if (trouble) return `the spool cannot be written: ${ERRORS[trouble.code].means}${named(trouble.cause)}`;
    const { diskFreeBytesMin } = limits;
    try {
      await access(this.#folder, constants.R_OK | constants.W_OK);
      const free = await this.#diskFreeBytes();
      if (free >= diskFreeBytesMin) return null;
      return `the disk has ${humanSize(free)} left, and --min-free-disk keeps ${humanSize(diskFreeBytesMin)} free`;
    } catch (error) {
      // Without the words of the operating system: they name the folder, and others may read this page.
      return `the spool cannot be used${named(error)}`;
    }
  }
}

/** The name of an error of the system, in brackets. */
const named = (error: unknown): string => {
  const name = errorName(error);
  return name === undefined ? "" : ` (${name})`;
};
