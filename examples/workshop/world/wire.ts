/**
 * Two ends of a line in memory, with all that a socket may do: hold back, end, break in the middle of a byte stream.
 *
 * Each end is a `Wire` as minimal/connection.ts wants it. Bytes arrive in the reads in which they were written, unless the
 * line is told to cut them. Nothing waits for a clock.
 */
import type { Connection, Wire } from "../../../minimal/connection.ts";

/** Bytes that a line holds for an end that does not read. Then a write waits, as it does with a socket. */
const HOLDS_BYTES = 64 * 1024;

const turn = () => new Promise<void>((done) => setImmediate(done));

/** Lets everything happen that needs nothing from outside. */
export async function settle(turns = 20): Promise<void> {
  for (let count = 0; count < turns; count++) await turn();
}

export class End implements Wire {
  /** The other end. */
  other!: End;
  /** How often somebody asked for a read here, and how many bytes were written here. */
  reads = 0;
  written = 0;
  /** After so many bytes written here, the line breaks for both. */
  breaksAt = Number.POSITIVE_INFINITY;
  #queue: Uint8Array[] = [];
  #held: (() => void)[] = [];
  #wake: (() => void) | null = null;
  #isEnded = false;
  #isBroken = false;
  #isOver = false;

  get unread(): number {
    return this.#queue.reduce((sum, { length }) => sum + length, 0);
  }

  write(bytes: Uint8Array, taken: (error?: Error | null) => void): void {
    if (this.#isOver || this.#isBroken) return void setImmediate(taken, new Error("EPIPE: the line is closed"));
    const fits = Math.min(bytes.length, this.breaksAt - this.written);
    this.written += fits;
    // Copied, since a program may use its buffer again.
    if (fits > 0) this.other.#queue.push(Uint8Array.from(bytes.subarray(0, fits)));
    this.other.#rouse();
    if (fits < bytes.length || this.written >= this.breaksAt) {
      this.break();
      return void setImmediate(taken, new Error("ECONNRESET: the line was cut"));
    }
    if (this.other.unread <= HOLDS_BYTES) setImmediate(taken);
    else this.other.#held.push(() => setImmediate(taken));
  }

  end(ended?: () => void): void {
    this.other.#isEnded = true;
    this.other.#rouse();
    if (ended) setImmediate(ended);
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.end();
    for (const release of this.#held.splice(0)) release();
    this.#rouse();
  }

  /** The line is cut. What was on its way arrives, and then both ends hear of it. */
  break(): void {
    this.#isBroken = true;
    this.other.#isBroken = true;
    for (const end of [this, this.other]) {
      for (const release of end.#held.splice(0)) release();
      end.#rouse();
    }
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = null;
    if (wake) setImmediate(wake);
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.reads++;
    for (;;) {
      if (this.#isOver) throw new Error("the wire was destroyed");
      const value = this.#queue.shift();
      if (value && this.unread <= HOLDS_BYTES) for (const release of this.#held.splice(0)) release();
      if (value) return { done: false, value };
      if (this.#isBroken) throw new Error("ECONNRESET: the line was cut");
      if (this.#isEnded) return { done: true, value: undefined };
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return { next: () => this.#next() };
  }
}

/** A line: what is written into one end is read at the other. */
export function line(): [End, End] {
  const [one, other] = [new End(), new End()];
  one.other = other;
  other.other = one;
  return [one, other];
}

/** An end whose reads are given: these, one by one, and then the end of the stream or an error. */
export function wireOf(reads: readonly Uint8Array[], error?: Error): End {
  const [here, there] = line();
  for (const read of reads) there.write(read, () => {});
  if (error) there.break();
  else there.end();
  return here;
}

/** Ends a connection without a goodbye, and the wire below it. */
export function drop(connection: Connection, wire: End): void {
  void connection.close();
  wire.destroy();
}
