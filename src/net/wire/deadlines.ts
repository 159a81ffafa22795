/**
 * Deadlines: when a connection is given up. TCP by itself would wait for hours, or for ever.
 *
 *   no hello or welcome                  handshakeMs; pings do not count
 *   nothing heard (half-open)            idleMs; an end pings after heartbeatMs of its own silence
 *   a frame that has begun does not end  stallMs + its length at bytesPerSecondMin (slow loris)
 *   a peer does not take what we send    stallMs + what is unsent at bytesPerSecondMin
 *   pings and skipped frames only        pingsPerSecondMax
 *
 * Most of these begin anew with each frame. So there is one clock, looked at four times a second,
 * and not a timer for each. The connection says what happens. This file says what follows from it,
 * and ends nothing by itself. Why these: adr/0009.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** The deadlines, as in LIMITS. A server may have others, and tests make them short. */
export type Patience = { readonly [key in (typeof PATIENCE)[number]]: number };
const PATIENCE = ["handshakeMs", "heartbeatMs", "idleMs", "stallMs", "bytesPerSecondMin", "pingsPerSecondMax"] as const;

/** The longest timer, 24.8 days in milliseconds. Node ends a longer one at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** How often somebody must call `look`, in milliseconds. */
export const LOOK_MS = 250;

export class Deadlines {
  readonly #patience: Patience;
  /**
   * When the connection began; null once the peer has said who it is. Until then only `handshakeMs`
   * counts.
   */
  #strangerSinceMs: number | null = performance.now();
  /** Frames that said nothing, less what `pingsPerSecondMax` allows for the time since. */
  #pings = 0;
  /**
   * When we last heard something, or began to listen. Like all times here, of the monotonic clock.
   */
  #heardMs = performance.now();
  /** When we last said something. */
  #saidMs = this.#heardMs;
  /** When the kernel last took something, or had nothing to take. */
  #tookMs = this.#heardMs;
  /** When the frame in progress began; 0 between frames. */
  #begunMs = 0;
  /** We wait for bytes. While we do not, our own slowness must not count against the peer. */
  #listening = true;

  constructor(patience: Partial<Patience> = {}) {
    this.#patience = { ...LIMITS, ...patience };
  }

  /**
   * We begin to wait for bytes of the peer.
   * @param midFrame whether a part of a frame is here already
   */
  listens(midFrame: boolean): void {
    this.#listening = true;
    this.#heardMs = performance.now();
    if (midFrame && this.#begunMs === 0) this.#begunMs = this.#heardMs;
  }

  /** We wait no longer: bytes are here, or none will come. */
  hears(): void {
    this.#listening = false;
  }

  /** A frame is complete. */
  hasFrame(): void {
    this.#begunMs = 0;
  }

  /** The peer has sent a message that says something. It is no stranger any more. */
  knows(): void {
    this.#strangerSinceMs = null;
  }

  /**
   * The frame said nothing: a ping, or one that may be skipped.
   * @throws FilespoolError flood: there were too many in too short a time
   */
  pinged(): void {
    const isFlood = ++this.#pings > this.#patience.pingsPerSecondMax;
    if (isFlood) throw new FilespoolError("flood", "too many frames that say nothing");
  }

  /**
   * We say something.
   * @param isFirst nothing before it is unsent, so the kernel is not behind yet
   */
  says(isFirst: boolean): void {
    this.#saidMs = performance.now();
    if (isFirst) this.#tookMs = this.#saidMs;
  }

  /** The kernel has taken something. */
  took(): void {
    this.#tookMs = performance.now();
  }

  /**
   * What has to be done now: give up for a reason, or send a ping, or nothing. Call it every
   * LOOK_MS.
   * @param peer its name, for messages
   * @param unsent bytes that wait for the kernel
   * @param frameBytes payload bytes of the frame that has begun
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
