/**
 * What a run of a receiver has achieved so far, and what it has not: the summary at its end.
 *
 * It counts over all connections of the run. Invariant: a delivery counts once, when it has landed
 * or was skipped. A file that fails and lands later has landed. Never here: when a failed file is
 * tried again (failures.ts).
 */
import type { Client } from "../client/client.ts";
import { about } from "../events.ts";
import type { ReceiveOptions, ReceiveSummary } from "../options.ts";
import { Failures } from "./failures.ts";
import type { Delivered } from "./part-file.ts";

/** The counts of one run. */
export class Tally {
  /** Files that did not land so far; a file that lands later leaves it. */
  readonly failures: Failures;
  /** Files that other receivers held when the server last said that nothing is waiting. */
  elsewhere = 0;
  readonly #client: Client;
  #landed = 0;
  #skipped = 0;
  #bytes = 0;

  constructor(options: ReceiveOptions & { readonly retryMs: number }, client: Client) {
    this.failures = new Failures(options);
    this.#client = client;
  }

  /** Files that are done with: landed or skipped. The option `count` is about these. */
  get done(): number {
    return this.#landed + this.#skipped;
  }

  /** Counts a delivery and reports it. `path`: where it has landed; null: it was skipped. */
  landed(delivery: Delivered, path: string | null): void {
    if (path === null) this.#skipped++;
    else {
      this.#landed++;
      this.#bytes += delivery.size;
    }
    this.failures.landed(delivery.transfer);
    const outcome = { digest: delivery.digest, path: path ?? "", skipped: path === null };
    this.#client.emit({ event: "landed", ...about(delivery), ...outcome });
  }

  /** The counts as they are now. */
  summary(): ReceiveSummary {
    const [landed, skipped, bytes] = [this.#landed, this.#skipped, this.#bytes];
    return { landed, skipped, elsewhere: this.elsewhere, bytes, failures: this.failures.list() };
  }
}
