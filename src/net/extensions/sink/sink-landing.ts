/**
 * Content that lands nowhere: it is verified, then handed to a program (`receive --output -`).
 *
 *   small   verified in memory and handed on; no disk is needed
 *   large   gathered in a part file, verified, handed on, and the part file removed. A run that was
 *           stopped leaves its part file, and the next one goes on with it
 *
 * Invariant: no byte is handed on before the whole content is verified. The ack follows when all of
 * it was taken, so a file whose reader stops early is still in its queue. This run remembers what
 * it has handed on without a confirmed ack, and does not hand it on again. A run that is killed at
 * that moment makes the next one hand it on a second time, without a warning, because there is no
 * folder in which a journal could be. Never here: where the part files are and who may read them
 * (cli/commands/output-folder.ts). Why: adr/0085.
 */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { LIMITS } from "../../../protocol/limits.ts";
import type { ContentSink, ReceiveOptions } from "../../options.ts";
import type { Lander } from "../../receiver/lander.ts";
import type { Landed } from "../../receiver/landing.ts";
import { fileErrorOf, folderError } from "../../receiver/landing-errors.ts";
import type { Delivered, Incoming } from "../../receiver/part-file.ts";
import { SmallFile } from "../../receiver/small-file.ts";
import { TargetRoom } from "../../receiver/target-room.ts";

/** A landing without a folder of its own. */
export class SinkLanding implements Lander {
  readonly sync = false; // what a power cut takes is fetched again
  // One at a time: what was handed on cannot be taken back.
  readonly batchMax = 1;
  readonly openMax = 1;
  readonly room = new TargetRoom("", "; TMPDIR names another place for it");
  readonly #sink: ContentSink;
  readonly #signal: AbortSignal;
  /** Transfers that this run has handed on, and whose ack is not confirmed. */
  readonly #unconfirmed = new Set<string>();

  constructor(sink: ContentSink, { signal }: ReceiveOptions) {
    this.#sink = sink;
    this.#signal = signal ?? new AbortController().signal;
  }

  get folder(): string {
    return this.room.folder;
  }

  /**
   * Where the part file is to be. Only content that is too large for memory needs one.
   * @throws FilespoolError folder-unusable
   */
  async folderFor({ size }: Delivered): Promise<string> {
    if (size > LIMITS.pipelineBytesMax) this.room.folder = await this.#sink.folder();
    return this.folder;
  }

  async recover(): Promise<void> {}

  check(): "take" {
    return "take";
  }

  landedBefore(transfer: string): boolean {
    return this.#unconfirmed.has(transfer);
  }

  /**
   * Hands files on, one after the other.
   * @throws FilespoolError whatever the sink throws: interrupted when nobody reads any more
   */
  async land(files: readonly Incoming[]): Promise<Landed[]> {
    const landed: Landed[] = [];
    for (const file of files) landed.push(await this.#handOn(file));
    return landed;
  }

  async #handOn(file: Incoming): Promise<Landed> {
    const { delivery } = file;
    try {
      if (!(file instanceof SmallFile)) await file.settle();
      else file.verify();
    } catch (error) {
      const failure = fileErrorOf(error, "content", file, this.folder);
      if (!failure) throw folderError(error, this.folder);
      return { failure };
    }
    if (file instanceof SmallFile) await this.#sink.write(delivery, [file.content], this.#signal);
    else await this.#sink.write(delivery, createReadStream(file.part), this.#signal);
    this.#unconfirmed.add(delivery.transfer);
    if (!(file instanceof SmallFile)) await rm(file.part, { force: true });
    return { path: "-" };
  }

  confirm(transfer: string): void {
    this.#unconfirmed.delete(transfer);
  }

  confirmRest(open: ReadonlySet<string>): void {
    for (const transfer of this.#unconfirmed) if (!open.has(transfer)) this.#unconfirmed.delete(transfer);
  }

  async close(): Promise<void> {}
}
