/**
 * What became of each file of a send run: counted for the summary at the end, and told as an event at that moment.
 *
 * A file is counted once, as stored, as stored before, or as failed. What is not here yet has no answer.
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

  /** The server has it on disk, and it is this content. */
  stored(sent: Transfer, { digest, repeated, collected }: MessageOf<"stored">): void {
    // An answer may be lost and asked for again; to the user that is one file stored once.
    const isOld = repeated && !sent.finished;
    this.summary[isOld ? "repeated" : "stored"]++;
    const { transfer, queue, name, path, other } = sent;
    // A stream has a size only when it is over.
    const size = sent.kept?.size ?? sent.size;
    this.summary.bytes += size;
    // Said only of what was really sent: whoever runs the command again finds both contents known.
    if (other && !isOld)
      this.#tell({ event: "changed", path: labelOf(sent.kept ?? path), before: other.before, ...about(sent) });
    this.#tell({ event: "stored", transfer, queue, name, size, digest, repeated: isOld, collected });
  }

  /** This file cannot be sent; the others go on. @param transfer if it came so far that it was offered */
  failed(source: Parameters<typeof labelOf>[0], transfer: Transfer | undefined, failure: FilespoolError): void {
    const { code, message } = failure;
    this.summary.failures.push(failure);
    this.#tell({ event: "refused", path: labelOf(source), code, message, ...(transfer && about(transfer)) });
  }
}
