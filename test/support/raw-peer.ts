/**
 * A peer played by hand: speaks frames straight from src/protocol, and does with them what no honest program
 * would. As a client it is `RawPeer.connect`; as a server, `listenRaw` hands one to a script per connection.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { crc32 } from "../../src/protocol/checksum.ts";
import { Decoder, joinParts } from "../../src/protocol/decoder.ts";
import { decodeZeros, frameName } from "../../src/protocol/frame.ts";
import { decodeMessage, type Message, type MessageOf } from "../../src/protocol/messages.ts";
import { dataFrameOf, frameOf, helloOf } from "./raw-frames.ts";

export { dataFrameOf, frameOf, helloOf, idOf } from "./raw-frames.ts";

export type RawData = { readonly type: "data"; readonly offset: number; readonly bytes: Uint8Array };
export type RawZeros = { readonly type: "zeros"; readonly offset: number; readonly count: number };
export type RawFrame = Message | RawData | RawZeros;

export class RawPeer {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  readonly #decoder = new Decoder(crc32);
  readonly #frames: RawFrame[] = [];
  #isOver = false;
  #waiting: (() => void)[] = [];

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: "localhost", allowHalfOpen: true });
    await once(socket, "connect");
    const peer = new RawPeer(socket);
    onTestFinished(() => void socket.destroy());
    return peer;
  }

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true);
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {}); // a reset is an end like any other here
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    for (const end of ["end", "close"]) {
      socket.on(end, () => {
        this.#isOver = true;
        this.#wake();
      });
    }
  }

  #take(bytes: Buffer): void {
    this.#decoder.push(bytes);
    for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next()) {
      const name = frameName(frame.type) ?? "ping";
      const payload = joinParts(frame.parts);
      const { offset } = frame;
      if (name === "data") this.#frames.push({ type: name, offset, bytes: payload });
      else if (name === "zeros") this.#frames.push({ type: name, offset, count: decodeZeros(payload, offset) });
      else this.#frames.push(decodeMessage(name, payload));
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The next frame, pings left out; null when the peer has ended the stream. */
  async next(): Promise<RawFrame | null> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame && frame.type !== "ping") return frame;
      if (frame) continue;
      if (this.#isOver) return null;
      await new Promise<void>((wake) => {
        this.#waiting.push(wake);
      });
    }
  }

  /** The next frame of that type; others before it are dropped. Fails when the stream ends first. */
  async until<N extends RawFrame["type"]>(type: N): Promise<Extract<RawFrame, { type: N }>> {
    for (let frame = await this.next(); frame; frame = await this.next())
      if (frame.type === type) return frame as Extract<RawFrame, { type: N }>;
    throw new Error(`the stream ended before a ${type} frame`);
  }

  /** How the peer ends the conversation: the code of its error, or "closed" without a word. */
  async ending(): Promise<string> {
    for (let frame = await this.next(); frame; frame = await this.next()) if (frame.type === "error") return frame.code;
    return "closed";
  }

  send(...messages: Message[]): this {
    return this.write(Buffer.concat(messages.map(frameOf)));
  }

  sendData(offset: number, bytes: Uint8Array): this {
    return this.write(dataFrameOf(offset, bytes));
  }

  write(bytes: Uint8Array | string): this {
    if (this.socket.writable) this.socket.write(bytes);
    return this;
  }

  /** Writes as fast as the peer takes it; false when the connection ended before all was taken. */
  async pour(bytes: Uint8Array, times: number): Promise<boolean> {
    for (let time = 0; time < times; time++) {
      if (!this.socket.writable) return false;
      if (!this.socket.write(bytes)) await Promise.race([once(this.socket, "drain").catch(() => {}), this.closed]);
    }
    return this.socket.writable;
  }

  /** Says hello and waits for the welcome. */
  async greet(
    role: MessageOf<"hello">["role"],
    fields: Partial<MessageOf<"hello">> = {},
  ): Promise<MessageOf<"welcome">> {
    this.send(helloOf(role, fields));
    return this.until("welcome");
  }
}

/** A correct welcome. */
export const WELCOME: MessageOf<"welcome"> = {
  type: "welcome",
  version: 1,
  agent: "raw",
  durability: "fsync",
  digests: ["blake3", "sha256"],
  dataBytesMax: 4 * 1024 * 1024,
  fileBytesMax: Number.MAX_SAFE_INTEGER,
  pipelineBytesMax: 64 * 1024,
  windowFiles: 256,
  windowBytes: 4 * 1024 * 1024,
  leaseMs: 30_000,
};

/** A port on which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A server whose side of each conversation is `script`. Returns its port. */
export async function listenRaw(script: (peer: RawPeer, number: number) => Promise<void>): Promise<number> {
  const peers: RawPeer[] = [];
  const failures: unknown[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket);
    peers.push(peer);
    script(peer, peers.length).catch((error: unknown) => failures.push(error));
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  onTestFinished(() => {
    for (const { socket } of peers) socket.destroy();
    server.close();
    if (failures.length > 0) throw failures[0];
  });
  return (server.address() as { port: number }).port;
}
