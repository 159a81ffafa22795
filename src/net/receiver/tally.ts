/**
 * What a run of a receiver has achieved so far, and what it has not: the summary that it ends with.
 *
 * It counts over all connections of the run. A file that fails and lands later has landed.
 */
import type { Client } from "../client/client.ts";
import { about } from "../events.ts";
import type { ReceiveOptions, ReceiveSummary } from "../options.ts";
import { Failures } from "./failures.ts";
import type { Delivered } from "./part-file.ts";

export class Tally {
  readonly failures: Failures;
  /** Files that others had when the queue was last found empty. */
  elsewhere = 0;
  readonly #client: Client;
  #landed = 0;
  #skipped = 0;
  #bytes = 0;

  constructor(options: ReceiveOptions & { readonly retryMs: number }, client: Client) {
    this.failures = new Failures(options);
    this.#client = client;
  }

  /** Files that are done with; `count` is about these. */
  get done(): number {
    return this.#landed + this.#skipped;
  }

  /** It has landed there; null: it was skipped. */
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

  summary(): ReceiveSummary {
    const [landed, skipped, bytes] = [this.#landed, this.#skipped, this.#bytes];
    return { landed, skipped, elsewhere: this.elsewhere, bytes, failures: this.failures.list() };
  }
}
