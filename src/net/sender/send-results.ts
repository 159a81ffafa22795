/**
 * What became of each file of a send run: counted for the summary, and told as an event at once.
 *
 * Invariant: a file is counted once, as stored, as stored before, or as failed. A file that is not
 * counted here has no answer yet. Never here: what is tried again (send-conversation.ts,
 * send-window.ts).
 */
import type { FilespoolError } from "../../protocol/errors.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { about, type TransferEvent } from "../events.ts";
import { labelOf, type SendSummary } from "../options.ts";
import type { Transfer } from "./send-window.ts";

export class SendResults {
  readonly summary: SendSummary = { stored: 0, repeated: 0, bytes: 0, failures: [] };
  readonly #tell: (event: TransferEvent) => void;

  constructor(tell: (event: TransferEvent) => void) {
    this.#tell = tell;
  }

  /** The server has the file on disk, and it is this content. */
  stored(sent: Transfer, { digest, repeated, collected }: MessageOf<"stored">): void {
    // A first answer may have been lost. To the user that still is one file, stored by this run.
    const isOld = repeated && !sent.finished;
    this.summary[isOld ? "repeated" : "stored"]++;
    const { transfer, queue, name, path, other } = sent;
    // A stream has a size only when it has ended.
    const size = sent.kept?.size ?? sent.size;
    this.summary.bytes += size;
    // Told only when it was really sent: in a later run the server knows both contents.
    if (other && !isOld)
      this.#tell({ event: "changed", path: labelOf(sent.kept ?? path), before: other.before, ...about(sent) });
    this.#tell({ event: "stored", transfer, queue, name, size, digest, repeated: isOld, collected });
  }

  /**
   * This file cannot be sent; the others go on.
   * @param transfer the transfer, if the file came as far as an offer
   */
  failed(source: Parameters<typeof labelOf>[0], transfer: Transfer | undefined, failure: FilespoolError): void {
    const { code, message } = failure;
    this.summary.failures.push(failure);
    this.#tell({ event: "refused", path: labelOf(source), code, message, ...(transfer && about(transfer)) });
  }
}
