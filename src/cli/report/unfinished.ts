/**
 * The files that a run has offered to a server, and that the server has not stored yet.
 *
 * When a server refuses for now ("the disk is full"), it ends the connection, and its message names no file. The sender
 * knows which files are without an answer, so it can name them. Programs get the same from `offered` and `stored`.
 */
import type { TransferEvent } from "../../net/events.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { humanSize } from "../settings/units.ts";
import { counted, line } from "./escape.ts";

/** Refusals that are about a file and do not name it. */
const WITHOUT_ROOM: ReadonlySet<string> = new Set([
  "disk-full",
  "spool-full",
  "index-full",
  "queue-full",
  "queues-full",
  "uploads-full",
] satisfies ErrorCode[]);

export class Unfinished {
  readonly #files = new Map<string, { readonly name: string; readonly size: number }>();

  take(event: TransferEvent): void {
    if (event.event === "offered") this.#files.set(event.transfer, { name: event.name, size: event.size });
    else if ((event.event === "stored" || event.event === "refused") && event.transfer !== undefined)
      this.#files.delete(event.transfer);
  }

  /** The end of a sentence about an error, which names the oldest of the files; empty where there is nothing to name. */
  after(code: string): string {
    const [first] = this.#files.values();
    if (first === undefined || !WITHOUT_ROOM.has(code)) return "";
    const more = this.#files.size > 1 ? ` and ${counted(this.#files.size - 1, "more file")}` : "";
    return line`; not stored: ${first.name}, ${humanSize(first.size)}${more}`;
  }
}
