/**
 * Deadlines: when a connection is given up. TCP by itself would wait for hours, or for ever.
 *
 *   no hello or welcome; pings are neither       handshakeMs
 *   nothing heard while we listen (half-open)    idleMs; each side pings after heartbeatMs of its own silence
 *   a frame that has begun but does not end      stallMs + its length at bytesPerSecondMin (slow loris)
 *   a peer that does not take what we send       stallMs + what is unsent at bytesPerSecondMin
 *   pings or skipped frames, and nothing else    pingsPerSecondMax
 *
 * A clock that is looked at four times a second and not a timer for each, since most of these begin anew with each frame.
 * The connection says what happens; this says what follows from it, and ends nothing by itself. Why these: adr/0009.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** See LIMITS. Tests make them short. */
export type Patience = { readonly [key in (typeof PATIENCE)[number]]: number };
const PATIENCE = ["handshakeMs", "heartbeatMs", "idleMs", "stallMs", "bytesPerSecondMin", "pingsPerSecondMax"] as const;

/** Longer timers end at once, as Node has it; in milliseconds, 24.8 days. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** How often the clock is to be looked at, in milliseconds. */
export const LOOK_MS = 250;

export class Deadlines {
  readonly #patience: Patience;
  /** Null once the peer has said who it is. Until then it has one deadline, whatever else it says. */
  #strangerSinceMs: number | null = performance.now();
  #pings = 0;
  /** Times of the monotonic clock: last heard, last said, last time the kernel took something, frame begun (0: none). */
  #heardMs = performance.now();
  #saidMs = this.#heardMs;
  #tookMs = this.#heardMs;
  #begunMs = 0;
  #listening = true;

  constructor(patience: Partial<Patience> = {}) {
    this.#patience = { ...LIMITS, ...patience };
  }

  /** We wait for bytes of the peer; `midFrame` tells whether some of a frame are here. */
  listens(midFrame: boolean): void {
    this.#listening = true;
    this.#heardMs = performance.now();
    if (midFrame && this.#begunMs === 0) this.#begunMs = this.#heardMs;
  }

  /** Bytes are here, or none will come. */
  hears(): void {
    this.#listening = false;
  }

  /** A frame is complete. */
  hasFrame(): void {
    this.#begunMs = 0;
  }

  /** It was a hello, or the answer to one, or came after that. */
  knows(): void {
    this.#strangerSinceMs = null;
  }

  /** It said nothing: a ping, or a frame that may be skipped. @throws FilespoolError flood */
  pinged(): void {
    const isFlood = ++this.#pings > this.#patience.pingsPerSecondMax;
    if (isFlood) throw new FilespoolError("flood", "too many frames that say nothing");
  }

  /** We say something, and `isFirst`: everything before it was taken. */
  says(isFirst: boolean): void {
    this.#saidMs = performance.now();
    if (isFirst) this.#tookMs = this.#saidMs;
  }

  /** The kernel took something. */
  took(): void {
    this.#tookMs = performance.now();
  }

  /**
   * What has to be done now: give up, or send a ping, or nothing.
   * @param peer its name, for messages; `unsent` bytes are waiting for the kernel; `frameBytes` has the frame that has begun
   */
  look(peer: string, unsent: number, frameBytes: number): FilespoolError | "ping" | null {
    const { handshakeMs, idleMs, stallMs, heartbeatMs, bytesPerSecondMin, pingsPerSecondMax } = this.#patience;
    const nowMs = performance.now();
    const slow = (bytes: number) => stallMs + (bytes / bytesPerSecondMin) * 1000;
    this.#pings = Math.max(0, this.#pings - pingsPerSecondMax / (1000 / LOOK_MS));
    if (this.#strangerSinceMs !== null) {
      return nowMs - this.#strangerSinceMs > handshakeMs
        ? new FilespoolError("timed-out", "the other end said nothing that is complete in time")
        : null;
    }
    if (this.#listening && nowMs - this.#heardMs > idleMs)
      return new FilespoolError("timed-out", `nothing was heard from ${peer} for ${idleMs} ms`);
    if (this.#listening && this.#begunMs > 0 && nowMs - this.#begunMs > slow(frameBytes))
      return new FilespoolError("stalled", `a frame from ${peer} did not end in time`);
    if (unsent > 0 && nowMs - this.#tookMs > slow(unsent))
      return new FilespoolError("stalled", `${peer} does not take what it is sent`);
    return nowMs - this.#saidMs > heartbeatMs ? "ping" : null;
  }
}
