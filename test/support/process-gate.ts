/**
 * A gate on the wire: a relay between clients and a server that stops the traffic after an exact number of bytes.
 *
 * A test that kills a process "in the middle" by watching its output is a race, which a fast machine loses. With the
 * gate shut at byte N, the process is alive, has sent or got exactly N bytes, and waits; then it is killed. The gate
 * reads no frame and changes no byte. It counts bytes of the wire, headers included.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** From clients to the server, or back. */
export type Direction = "up" | "down";

export class Gate {
  /** Where it leads to; a server that starts again on another port is followed by changing this. */
  target: number;
  readonly #left: Record<Direction, number> = { up: Infinity, down: Infinity };
  readonly #relay = createServer({ allowHalfOpen: true }, (client) => this.#join(client));
  readonly #sockets = new Set<Socket>();
  readonly #onShut: Record<Direction, () => void> = { up: () => {}, down: () => {} };
  #waiting: (() => void)[] = [];

  /** Opens a gate in front of a server. Must be called inside a test, which it then belongs to. */
  static async before(target: number): Promise<Gate> {
    const gate = new Gate(target);
    gate.#relay.listen(0, "localhost");
    await once(gate.#relay, "listening");
    onTestFinished(() => {
      gate.#relay.close();
      gate.cut();
    });
    return gate;
  }

  private constructor(target: number) {
    this.target = target;
  }

  get port(): number {
    return (this.#relay.address() as AddressInfo).port;
  }

  /** Lets so many more bytes, at least one, through in one direction; resolves when they have passed. */
  shutAfter(bytes: number, direction: Direction): Promise<void> {
    this.#left[direction] = bytes;
    return new Promise((resolve) => {
      this.#onShut[direction] = resolve;
    });
  }

  /** Lets nothing more through in one direction. */
  shut(direction: Direction): void {
    this.#left[direction] = 0;
  }

  /** Lets everything through again, in one direction or both. */
  open(direction?: Direction): void {
    for (const one of direction ? [direction] : (["up", "down"] as const)) this.#left[one] = Infinity;
    this.#wake();
  }

  /** Breaks all connections. What the gate held back is lost, as it is when a cable is cut. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#wake();
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  #join(client: Socket): void {
    const server = connect({ port: this.target, host: "localhost", allowHalfOpen: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket.setNoDelay(true));
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        // An orderly end was passed on by the pump; anything else breaks the other side as well.
        if (socket.errored !== null || !socket.readableEnded) other.destroy();
        this.#wake();
      });
    }
    void this.#pump(client, server, "up");
    void this.#pump(server, client, "down");
  }

  async #pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const bytes of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < bytes.length; ) {
          if (this.#left[direction] === 0) await this.#wait(direction, to);
          if (to.destroyed) return;
          const piece = bytes.subarray(at, at + Math.min(bytes.length - at, this.#left[direction]));
          at += piece.length;
          this.#left[direction] -= piece.length;
          // One piece at a time: what has passed is then in the hands of the kernel, and not merely queued here.
          await new Promise<void>((taken) => to.write(piece, () => taken()));
          if (this.#left[direction] === 0) this.#onShut[direction]();
        }
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  async #wait(direction: Direction, to: Socket): Promise<void> {
    while (this.#left[direction] === 0 && !to.destroyed) {
      await new Promise<void>((go) => this.#waiting.push(go));
    }
  }
}
