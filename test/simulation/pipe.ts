/** One direction of a simulated connection: what TCP does between a writer and a reader. See network.ts. */
import { systemError } from "./files.ts";
import type { Link, SimulatedSocket } from "./network.ts";
import type { World } from "./world.ts";

const KiB = 1024;

export type Done = (error?: Error | null) => void;

/** One direction of a connection. */
export class Pipe {
  readonly #link: Link;
  readonly #world: World;
  /** What the kernel of the writer holds, and what is on its way or unread at the other end. */
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #inFlight = 0;
  #arrived: Buffer[] = [];
  #arrivedBytes = 0;
  #writers: { rest: Buffer; done: Done }[] = [];
  #isEnded = false;
  #endSent = false;
  #endArrived = false;
  #lastArrivalMs = 0;
  readonly #windowBytes: number;
  /** Who reads. */
  reader: SimulatedSocket | null = null;

  constructor(link: Link, world: World) {
    this.#link = link;
    this.#world = world;
    this.#windowBytes = world.pick([4, 64, 256]) * KiB;
  }

  write(bytes: Buffer, done: Done): void {
    this.#writers.push({ rest: Buffer.from(bytes), done });
    this.pump();
  }

  end(): void {
    this.#isEnded = true;
    this.pump();
  }

  /** The writer's machine is off: what its kernel held is gone. */
  freeze(): void {
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.#writers = [];
  }

  /** The writer closed its socket: what the kernel had not taken fails. */
  abandon(): void {
    for (const { done } of this.#writers.splice(0)) done(systemError("ECANCELED", "write", "socket"));
  }

  pump(): void {
    while (this.#unsentBytes < this.#windowBytes) {
      const [writer] = this.#writers;
      if (!writer) break;
      const piece = writer.rest.subarray(0, this.#windowBytes - this.#unsentBytes);
      writer.rest = writer.rest.subarray(piece.length);
      this.#unsent.push(piece);
      this.#unsentBytes += piece.length;
      if (writer.rest.length > 0) break;
      this.#writers.shift();
      writer.done();
    }
    this.#send();
  }

  #send(): void {
    while (this.#unsentBytes > 0 && this.#inFlight + this.#arrivedBytes < this.#windowBytes) {
      const room = this.#windowBytes - this.#inFlight - this.#arrivedBytes;
      if (room < this.#unsentBytes && room < this.#windowBytes / 2) break; // no crumbs (RFC 9293, 3.8.6.2)
      const most = Math.min(room, this.#unsentBytes, 64 * KiB);
      const length = this.#world.chance(0.2) ? this.#world.between(Math.ceil(most / 4), most) : most;
      const bytes = take(this.#unsent, length);
      this.#unsentBytes -= length;
      this.#inFlight += length;
      this.#after(() => {
        this.#inFlight -= length;
        if (this.#link.damages) {
          this.#link.damages = false;
          const at = this.#world.between(0, length - 1);
          bytes[at] = (bytes[at] as number) ^ (1 << this.#world.between(0, 7));
        }
        this.#arrived.push(bytes);
        this.#arrivedBytes += length;
        this.deliver();
      });
    }
    if (this.#isEnded && !this.#endSent && this.#unsentBytes === 0 && this.#writers.length === 0) {
      this.#endSent = true;
      this.#after(() => {
        this.#endArrived = true;
        this.deliver();
      });
    }
    if (this.#writers.length > 0 && this.#unsentBytes < this.#windowBytes / 2) this.pump();
  }

  /** In order, after the delay of the network; a silence holds everything up. */
  #after(arrive: () => void): void {
    const world = this.#world;
    const link = this.#link;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, world.nowMs + link.delayMs * (0.5 + world.random()));
    const attempt = (): void => {
      if (link.isDead) return;
      if (link.isSilent) return world.after(1 + link.silentUntilMs - world.nowMs, attempt);
      if (!this.reader?.owner.machine.hasPower) return world.after(1000, attempt); // it is sent again and again
      if (this.reader.owner.isAlive && !this.reader.closed) return arrive();
      link.reset(); // nobody there knows this connection any more
    };
    world.after(this.#lastArrivalMs - world.nowMs, attempt);
  }

  /** Gives the reader what has arrived, as long as it wants it. */
  deliver(): void {
    this.reader?.owner.enter(() => {
      const { reader } = this;
      while (reader?.wants && this.#arrived.length > 0) {
        const bytes = this.#arrived.shift() as Buffer;
        const rest = reader.hear(bytes);
        if (rest) this.#arrived.unshift(rest);
        this.#arrivedBytes -= bytes.length - (rest?.length ?? 0);
      }
      if (reader?.wants && this.#endArrived && this.#arrived.length === 0) reader.hear(null);
    });
    this.pump();
  }

  get hasUnread(): boolean {
    return this.#arrivedBytes > 0;
  }
}

function take(from: Buffer[], length: number): Buffer {
  const all = from.length === 1 ? (from[0] as Buffer) : Buffer.concat(from);
  const rest = all.subarray(length);
  from.splice(0, from.length, ...(rest.length > 0 ? [rest] : []));
  return Buffer.from(all.subarray(0, length));
}
