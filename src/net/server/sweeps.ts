/**
 * The sweeps of a server: once a second it lets its spool end what has come to the end of its time,
 * and tells of each.
 *
 * A spool does a bounded piece of work in one sweep, and says whether there is more. Then the next
 * one follows at once, for half of each second at most, so that a server which stores ten thousand
 * files a second can let as many expire, and still has time for its connections. One sweep never
 * begins before the one before it has ended, however slow the disk is.
 *
 * What fails (a full disk, say) is tried again with the next sweep, and told when it begins or its
 * reason changes: a line each second would bury the others. Never here: what expires, and when
 * (spool/local/sweep.ts).
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { Swept } from "../../spool/contract.ts";
import { about } from "../events.ts";
import type { ServerContext } from "./session.ts";

/**
 * From the beginning of one round of sweeps to that of the next. Leases and ages are exact to so
 * much.
 */
export const SWEEP_MS = 1000;

export class Sweeps {
  readonly #server: ServerContext;
  /**
   * The round that is under way. A disk may make it last longer than a second; then the next begin
   * is left out.
   */
  #running: Promise<void> | null = null;
  /**
   * Why the last sweep could not do all; null when it could. The same reason is reported once,
   * until it changes.
   */
  #failure: string | null = null;

  constructor(server: ServerContext) {
    this.#server = server;
  }

  /** Sweeps, unless that is going on already. */
  begin(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** Resolves when no sweep is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const untilMs = performance.now() + SWEEP_MS / 2;
    try {
      for (let isMore = true; isMore && !this.#server.isDraining; isMore &&= performance.now() < untilMs) {
        const swept = await this.#server.spool.sweep();
        this.#tell(swept);
        isMore = swept.isMore;
      }
    } catch (error) {
      this.#fails(error);
    }
  }

  /**
   * Tells of each file that a sweep has touched. Nobody asked for these, so they belong to no
   * connection.
   */
  #tell({ leases, expired, failure }: Swept): void {
    const nobody = { connection: 0, peer: "" };
    for (const lease of leases) {
      const { dead } = lease;
      this.#server.emit({ event: "returned", ...nobody, ...about(lease), dead, reason: "the lease ran out" });
    }
    for (const one of expired) {
      const { what, ageMs, dead } = one;
      this.#server.emit({ event: "expired", ...about(one), what, ageMs, dead });
    }
    this.#fails(failure);
  }

  /** Reports the beginning of a trouble, and each change of its reason. `null`: there is none. */
  #fails(error: unknown): void {
    const failure = error instanceof FilespoolError ? error.message : error === null ? null : String(error);
    if (failure !== null && failure !== this.#failure) this.#server.report(error);
    this.#failure = failure;
  }
}
