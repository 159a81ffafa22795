/** A client that does next to nothing: stays connected, shows signs of life, and sends a little now and then. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { dataFrameOf, frameOf, helloOf, idOf } from "../support/raw-frames.ts";

export { frameOf, helloOf, idOf };

const PING_MS = 5000;
const DRIP_MS = 500;

export class RawClient {
  readonly #socket: Socket;
  readonly #timers: NodeJS.Timeout[] = [];
  isClosed = false;
  receivedBytes = 0;

  /** @param isReading false: after the welcome it takes nothing off its socket any more */
  static async connect(port: number, hello: Uint8Array, isReading = true): Promise<RawClient> {
    const socket = connect({ port, host: "localhost" });
    await once(socket, "connect");
    const client = new RawClient(socket);
    socket.write(hello);
    await once(socket, "data"); // the welcome
    socket.on("data", (bytes) => {
      client.receivedBytes += bytes.length;
    });
    if (!isReading) socket.pause();
    client.#every(PING_MS, () => socket.write(frameOf({ type: "ping" })));
    return client;
  }

  /** Opens an upload and sends it a few bytes at a time. */
  static async slowUpload(port: number, id: string, size: number): Promise<RawClient> {
    const client = await RawClient.connect(port, frameOf(helloOf("sender", { peer: id })));
    const about = { transfer: id, queue: "slow", name: "slow", size, algorithm: "sha256" };
    client.#socket.write(frameOf({ type: "offer", ...about, wait: true }));
    let offset = 0;
    client.#every(DRIP_MS, () => {
      client.#socket.write(dataFrameOf(offset, new Uint8Array(1024)));
      offset += 1024;
    });
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
      for (const timer of this.#timers) clearInterval(timer);
    });
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  #every(ms: number, act: () => void): void {
    this.#timers.push(setInterval(act, ms));
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#socket.destroy();
  }
}
