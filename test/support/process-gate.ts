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
  #shut: (() => void) | null = null;
  #opened: (() => void)[] = [];

  /** Opens a gate in front of a server. Must be called inside a test, which it then belongs to. */
  static async open(target: number): Promise<Gate> {
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

  /** Lets so many more bytes through in one direction; resolves when they have passed and the gate is shut. */
  shutAfter(bytes: number, direction: Direction): Promise<void> {
    this.#left[direction] = bytes;
    return new Promise((resolve) => {
      this.#shut = resolve;
    });
  }

  /** Lets everything through again. */
  release(): void {
    this.#left.up = this.#left.down = Infinity;
    this.#wake();
  }

  /** Breaks all connections. What the gate held back is lost, as it is when a cable is cut. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#wake();
  }

  #wake(): void {
    for (const go of this.#opened.splice(0)) go();
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
      });
    }
    void this.#pump(client, server, "up");
    void this.#pump(server, client, "down");
  }

  async #pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const bytes of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < bytes.length; ) {
          const piece = bytes.subarray(at, at + Math.min(bytes.length - at, this.#left[direction]));
          at += piece.length;
          this.#left[direction] -= piece.length;
          // One piece at a time: what has passed is then in the hands of the kernel, and not merely queued here.
          if (piece.length > 0) await new Promise<void>((taken) => to.write(piece, () => taken()));
          if (this.#left[direction] === 0) await this.#wait();
          if (to.destroyed) return;
        }
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  async #wait(): Promise<void> {
    this.#shut?.();
    await new Promise<void>((go) => this.#opened.push(go));
  }
}
