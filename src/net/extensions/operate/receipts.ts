/**
 * Receipts: waits until receivers have collected what was sent, or until the time for that is over.
 *
 * A receiver acks a file only when it has it on disk and its digest matches. The ack leaves a
 * tombstone on the server, and that is the receipt: collected, verified, when, and what. This file
 * asks for it by looks that wait on the server (a minute each, then again), a window of them at a
 * time, so that 20,000 files need neither 20,000 timers nor a polling loop. It survives cuts and
 * restarts, until `waitMs` is over. Why like this: adr/0039.
 *
 *   answer                       told as                      asked again
 *   collected                    the receipt: when and what   never
 *   cancelled, expired,          refused, with the reason     never
 *   dead, unknown
 *   waiting, leased, uploading   nothing yet                  until the time is over; then
 *                                                             outstanding
 *   none: the server is away     nothing yet                  on the next connection, with the
 *                                                             time that is left
 *
 * Invariant: each transfer is told exactly once, as collected, refused or outstanding.
 */
import { type ErrorCode, FilespoolError, failure } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { type About, about } from "../../events.ts";
import type { ClientOptions } from "../../options.ts";
import { TIMER_MAX_MS } from "../../wire/deadlines.ts";
import { type Operator, operate, type TransferInfo } from "./operator.ts";

/** What receipts are waited for, and how long. */
export interface ReceiptOptions extends Omit<ClientOptions, "queue" | "bufferBytes" | "retryMs"> {
  /**
   * Transfer ids, in the order in which the files were sent: they are likely to be collected in it.
   */
  readonly transfers: Iterable<string>;
  /** How long to wait for all of them, ms; Infinity for as long as it takes. */
  readonly waitMs: number;
}

/** What has become of the files. */
export interface ReceiptSummary {
  /** Files that a receiver has landed. */
  collected: number;
  /** Files that are still on the server. */
  readonly outstanding: About[];
  /** One for each file that nobody will collect: cancelled, expired, dead, or no longer known. */
  readonly failures: FilespoolError[];
}

/** States that no waiting changes, and the error that each of them is. */
const LOST: Readonly<Partial<Record<TransferInfo["state"], ErrorCode>>> = {
  unknown: "transfer-unknown",
  cancelled: "cancelled",
  expired: "expired",
  dead: "dead-letter",
};

/** How long an answer may take after the time is over, ms, before the server counts as away. */
const GRACE_MS = 5_000;

/**
 * Waits for the receipts of files that were stored.
 * @throws FilespoolError unreachable: the server was never there; interrupted; or what it says
 * about all of them
 */
export async function receipts(options: ReceiptOptions): Promise<ReceiptSummary> {
  const { transfers, waitMs, signal, ...client } = options;
  const untilMs = performance.now() + waitMs;
  const over = new AbortController();
  const graceMs = waitMs + GRACE_MS;
  // No timer for a wait that is longer than one can be: then a server that is away is not noticed.
  const timer = graceMs > TIMER_MAX_MS ? undefined : setTimeout(() => over.abort(), graceMs);
  const run = new Receipts(options, untilMs);
  const signals = AbortSignal.any([over.signal, ...(signal ? [signal] : [])]);
  let operator: Operator | undefined;
  try {
    // The server may be away as long as there is time: what it has, it still has when it is back.
    // `over` ends the wait and not the patience of a client, which would be over a moment earlier,
    // and would say "unreachable" of files that are outstanding.
    operator = await operate({ ...client, retryMs: Infinity, signal: signals });
    await run.ask(operator, transfers);
  } catch (error) {
    if (!over.signal.aborted || signal?.aborted) throw error;
    run.giveUp(transfers);
  } finally {
    clearTimeout(timer);
    await operator?.close();
  }
  return run.summary;
}

/** What is known so far, independent of the connection. */
class Receipts {
  readonly summary: ReceiptSummary = { collected: 0, outstanding: [], failures: [] };
  readonly #options: ReceiptOptions;
  /**
   * When the time is over, on the clock of `performance`: a calendar that is set back must not make
   * anybody wait longer.
   */
  readonly #untilMs: number;
  /** The last answer about each transfer that is asked about now; null: none yet. */
  readonly #asked = new Map<string, TransferInfo | null>();
  /**
   * Transfers that were told. It keeps the invariant when the time is over in the middle of asking.
   */
  readonly #told = new Set<string>();

  constructor(options: ReceiptOptions, untilMs: number) {
    this.#options = options;
    this.#untilMs = untilMs;
  }

  /**
   * Asks about all transfers, as many at a time as the server answers. The loops share one
   * iterator, so each takes the next that is free, and a slow transfer holds up no other.
   */
  async ask(operator: Operator, transfers: Iterable<string>): Promise<void> {
    const left = transfers[Symbol.iterator]();
    const askOne = async () => {
      for (let next = left.next(); !next.done; next = left.next()) await this.#follow(operator, next.value);
    };
    await Promise.all(Array.from({ length: LIMITS.windowFiles }, askOne));
  }

  /**
   * Asks about one transfer until it is settled. Each question waits on the server, so this loop
   * turns once a minute at most.
   */
  async #follow(operator: Operator, transfer: string): Promise<void> {
    this.#asked.set(transfer, null);
    for (;;) {
      const leftMs = Math.max(0, this.#untilMs - performance.now());
      const info = await operator.show(transfer, { waitMs: Math.min(leftMs, LIMITS.lookMs) });
      this.#asked.set(transfer, info);
      if (info.state === "collected") return this.#collected(info);
      const code = LOST[info.state];
      if (code !== undefined) return this.#lost(info, code);
      if (leftMs === 0) return this.#outstanding(info);
    }
  }

  /** The server is away, and the time is over: what is not settled is outstanding. */
  giveUp(transfers: Iterable<string>): void {
    for (const transfer of transfers) {
      if (this.#told.has(transfer)) continue;
      this.#outstanding(this.#asked.get(transfer) ?? { transfer, state: "unknown" });
    }
  }

  /**
   * Tells a receipt. Digest and time come from the tombstone, and so from the ack itself. A server
   * of an earlier version did not keep the time.
   */
  #collected(info: TransferInfo): void {
    this.#settle(info.transfer);
    this.summary.collected++;
    const { digest = "", atMs: collectedAtMs = null } = info;
    this.#options.onEvent?.({ event: "collected", ...file(info), digest, collectedAtMs });
  }

  /**
   * Tells a loss. A dead letter says why its last delivery failed, because its sender may be able
   * to mend that. The other states say everything by their name.
   */
  #lost(info: TransferInfo, code: ErrorCode): void {
    this.#settle(info.transfer);
    const why = code === "dead-letter" && info.reason ? `the last reason: ${info.reason}` : undefined;
    const error = new FilespoolError(code);
    const told = why === undefined ? error : new FilespoolError(code, `${error.message}; ${why}`);
    this.summary.failures.push(told);
    this.#options.onEvent?.({ event: "refused", ...file(info), ...failure(told) });
  }

  /** Tells that a file is outstanding. That is no failure: it may be collected a moment later. */
  #outstanding(info: TransferInfo): void {
    this.#settle(info.transfer);
    this.summary.outstanding.push(file(info));
    this.#options.onEvent?.({ event: "outstanding", ...file(info), state: info.state });
  }

  /**
   * Marks a transfer as told. Each of the three calls it first, so that a listener that throws
   * cannot make it be told twice.
   */
  #settle(transfer: string): void {
    this.#asked.delete(transfer);
    this.#told.add(transfer);
  }
}

/** The fields that say which file it is. Only the id is known of one that the server has not. */
const file = ({ transfer, queue = "", name = transfer, size = 0 }: TransferInfo): About =>
  about({ transfer, queue, name, size });
