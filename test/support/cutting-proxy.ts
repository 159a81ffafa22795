/**
 * A TCP proxy that misbehaves at an exact place: after so many bytes, or in front of a frame of some type.
 *
 * "up" is from the client to the server, "down" the way back. What comes before the place is handed on whole, so
 * that a cut is where the test says and not where a buffer happened to end.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { FRAMES, type FrameName, HEADER_BYTES } from "../../src/protocol/frame.ts";

export interface Fault {
  readonly direction: "up" | "down";
  /** Where: after so many bytes of this connection and direction, or before the first frame of this type. */
  readonly after?: number;
  readonly before?: FrameName;
  /**
   * What: "reset" and "end" close both sides, with RST or FIN; "freeze" goes on holding both connections but hands
   * nothing on any more, as when a cable is pulled; "vanish" resets the client, of which the server hears nothing;
   * "flip" inverts the next bit and goes on.
   */
  readonly how: "reset" | "end" | "freeze" | "vanish" | "flip";
}

export class CuttingProxy {
  /** Bytes handed on, of all connections. */
  readonly bytes = { up: 0, down: 0 };
  connections = 0;
  /** Resolves when the first fault has happened. */
  readonly struck: Promise<void>;
  #strike: () => void = () => {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where connections go; a test may point it at another server. */
  target: number;

  /** @param faultOf the fault of the n-th connection, counted from 1; null for none */
  static async start(target: number, faultOf: (connection: number) => Fault | null): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target, faultOf);
    proxy.#server.listen(0, "localhost");
    await once(proxy.#server, "listening");
    onTestFinished(() => proxy.#close());
    return proxy;
  }

  private constructor(target: number, faultOf: (connection: number) => Fault | null) {
    this.target = target;
    this.struck = new Promise((resolve) => {
      this.#strike = resolve;
    });
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#join(client, faultOf(++this.connections)));
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  #close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, fault: Fault | null): void {
    const server = connect({ port: this.target, host: "localhost", allowHalfOpen: true });
    for (const socket of [client, server]) {
      this.#sockets.add(socket.setNoDelay(true));
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    }
    const strike = (how: Fault["how"]) => {
      for (const socket of [client, server]) {
        socket.removeAllListeners("data").removeAllListeners("end").removeAllListeners("drain").pause();
        if (how === "reset" || (how === "vanish" && socket === client)) socket.resetAndDestroy();
        if (how === "end") socket.end().resume();
      }
      this.#strike();
    };
    // Whoever loses one side loses the other, unless the proxy plays dead.
    const playsDead = fault?.how === "freeze" || fault?.how === "vanish";
    client.on("close", () => playsDead || server.destroy());
    server.on("close", () => playsDead || client.destroy());
    this.#forward(client, server, "up", fault, strike);
    this.#forward(server, client, "down", fault, strike);
  }

  #forward(
    from: Socket,
    to: Socket,
    direction: "up" | "down",
    fault: Fault | null,
    strike: (how: Fault["how"]) => void,
  ) {
    const place = fault?.direction === direction ? new Place(fault) : null;
    from.on("end", () => to.end());
    to.on("drain", () => from.resume());
    from.on("data", (bytes: Buffer) => {
      const { pass, hit, rest } = place?.take(bytes) ?? { pass: bytes, hit: false, rest: null };
      this.bytes[direction] += pass.length;
      if (hit && fault && fault.how !== "flip") {
        if (pass.length === 0) return strike(fault.how);
        from.pause().removeAllListeners("data"); // what arrives until the kernel has `pass` is lost in the cut
        return void to.write(pass, () => strike(fault.how));
      }
      const more = rest ? Buffer.concat([pass, flipped(rest)]) : pass;
      if (hit) this.#strike();
      if (more.length > 0 && !to.write(more)) from.pause();
    });
  }
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[0] = (copy[0] as number) ^ 1;
  return copy;
}

/** Finds the place of a fault in a stream that comes in pieces. */
class Place {
  readonly #fault: Fault;
  #passed = 0;
  #isOver = false;
  /** When looking for a frame: what has arrived of the one in progress. */
  #held = Buffer.alloc(0);

  constructor(fault: Fault) {
    this.#fault = fault;
  }

  /** `pass` comes before the place; with `hit`, `rest` comes after it. */
  take(bytes: Buffer): { pass: Buffer; hit: boolean; rest: Buffer | null } {
    if (this.#isOver) return { pass: bytes, hit: false, rest: null };
    const { before, after = 0 } = this.#fault;
    if (before === undefined) {
      const at = after - this.#passed;
      this.#passed += bytes.length;
      if (at >= bytes.length) return { pass: bytes, hit: false, rest: null };
      this.#isOver = true;
      return { pass: bytes.subarray(0, at), hit: true, rest: bytes.subarray(at) };
    }
    this.#held = Buffer.concat([this.#held, bytes]);
    let at = 0;
    while (at + HEADER_BYTES <= this.#held.length) {
      if (this.#held[at + 2] === FRAMES[before]) {
        this.#isOver = true;
        return { pass: this.#held.subarray(0, at), hit: true, rest: this.#held.subarray(at) };
      }
      const end = at + HEADER_BYTES + this.#held.readUInt32BE(at + 4);
      if (end > this.#held.length) break;
      at = end;
    }
    const pass = this.#held.subarray(0, at);
    this.#held = this.#held.subarray(at);
    return { pass, hit: false, rest: null };
  }
}
