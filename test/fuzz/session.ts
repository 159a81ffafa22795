/** The server's half of both conversations, fed with any bytes, over a spool in memory. */
import { createDigest, nativeChecksum } from "../../src/disk/digest.ts";
import { EVERYBODY } from "../../src/net/server/access.ts";
import { DeliverySession } from "../../src/net/server/delivery-session.ts";
import type { ServerContext } from "../../src/net/server/session.ts";
import { Suspects } from "../../src/net/server/suspects.ts";
import { UploadSession } from "../../src/net/server/upload-session.ts";
import type { Connection } from "../../src/net/wire/connection.ts";
import { SharedLimit } from "../../src/net/wire/shared-limit.ts";
import { WireMemory } from "../../src/net/wire/wire-memory.ts";
import { type Data, dataOf, ZerosAhead } from "../../src/net/wire/zeros.ts";
import { Decoder, joinParts } from "../../src/protocol/decoder.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { FLAG_OPTIONAL, frameName } from "../../src/protocol/frame.ts";
import { decodeMessage, type Message } from "../../src/protocol/messages.ts";
import { MemorySpool } from "../../src/spool/memory-spool.ts";

/** What a session sees of its connection: frames from the input, and an ear that hears everything. */
class FakeConnection {
  readonly peer = "fuzz:1";
  readonly said: Message[] = [];
  readonly #decoder = new Decoder(nativeChecksum);
  #failure: FilespoolError | null = null;
  #wake: () => void = () => {};

  constructor(bytes: Buffer) {
    this.#decoder.push(bytes);
  }

  /** Nothing is here already: everything comes by `read`. */
  next(): null {
    return null;
  }

  /** As net/wire/connection.ts has it: pings and optional frames are nothing, an error ends the conversation. */
  async read(): Promise<Message | Data | null> {
    for (;;) {
      // What runs beside the reading gets its turn, as it does between two frames of a socket.
      for (let turn = 0; turn < 10; turn++) await null;
      if (this.#failure) throw this.#failure;
      const frame = this.#decoder.next();
      if (!frame) return null;
      const name = frameName(frame.type);
      if (name === "data" || name === "zeros") return dataOf(name, frame);
      if (name === null && !(frame.flags & FLAG_OPTIONAL)) throw new FilespoolError("frame-unknown");
      const message = name && decodeMessage(name, joinParts(frame.parts));
      if (!message || message.type === "ping") continue;
      if (message.type === "error") throw new FilespoolError("connection-lost");
      return message;
    }
  }

  send(message: Message): void {
    this.said.push(message);
  }

  async sendData(): Promise<void> {}
  unsentBelow(): void {}
  hasVanished(): boolean {
    return true;
  }
  readonly zeros = new ZerosAhead(() => {});
  readonly memory = new WireMemory();
  readonly frameWriter = { room: Infinity, handedData: 0, takenData: 0, hold: () => {} };

  fail(error: FilespoolError): void {
    this.#failure ??= error;
    this.#wake();
  }
}

const KiB = 1024;

/** A spool with three small files and one large in the queue "default". */
async function filledSpool(): Promise<MemorySpool> {
  const limits = { spoolBytesMax: 4096 * KiB, queueFilesMax: 50, uploadsMax: 8 };
  const spool = new MemorySpool({ now: () => 0, createDigest, limits });
  for (const [number, size] of [5, 0, 100 * KiB].entries()) {
    const transfer = `${number}`.padStart(32, "a");
    const offer = { transfer, queue: "default", name: `${number}`, size, algorithm: "sha256" };
    const answer = await spool.offer(offer, { onDurable: () => {}, onSuperseded: () => {} });
    if (answer.kind !== "upload") throw new Error("it is there already");
    const content = new Uint8Array(size);
    const digest = createDigest("sha256");
    digest.update(content);
    if (size > 0) await answer.upload.append(0, [content]);
    await answer.upload.finish(digest.hex());
  }
  return spool;
}

/** The first frame chooses the conversation; everything after it must end well or with an error that we know. */
export async function converse(bytes: Buffer): Promise<void> {
  const spool = await filledSpool();
  const connection = new FakeConnection(bytes);
  const still = { isDraining: false, recording: new Map<string, number>(), emit: () => {}, report: () => {} };
  const shared = { deliveries: new SharedLimit(() => 100), suspects: new Suspects(() => () => {}) };
  const context: ServerContext = { spool, bufferBytes: 64 * KiB, agent: "fuzz", ...still, ...shared };
  try {
    const hello = await connection.read();
    if (hello?.type !== "hello" || hello.role === "operator") return;
    const socket = connection as unknown as Connection;
    const session =
      hello.role === "sender"
        ? new UploadSession(socket, context, EVERYBODY)
        : new DeliverySession(socket, context, EVERYBODY, hello, hello.peer);
    await session.run();
  } catch (error) {
    if (!(error instanceof FilespoolError) || error.kind === "bug") throw error;
  }
  await expectSound(spool, connection.said);
}

async function expectSound(spool: MemorySpool, said: readonly Message[]): Promise<void> {
  const acked = said.filter(({ type }) => type === "acked").length;
  const stored = said.filter((message) => message.type === "stored" && !message.repeated).length;
  // What was handed out without a verdict is in its queue again, and what was stored is in one.
  let [files, bytes] = [0, 0];
  const queues = new Set([
    "default",
    ...said.flatMap((message) => ("queue" in message && message.queue ? [message.queue] : [])),
  ]);
  for (const queue of queues)
    for (let lent = await spool.lease(queue); lent; lent = await spool.lease(queue)) {
      const content = new Uint8Array(lent.size);
      const read = await spool.read(lent.token, 0, content);
      const digest = createDigest(lent.algorithm);
      digest.update(content);
      if (read !== lent.size || digest.hex() !== lent.digest)
        throw new Error("a file in a queue is not what its digest says");
      files++;
      bytes += lent.size;
    }
  if (queues.size === 1 && stored === 0 && files !== 3 - acked)
    throw new Error(`${files} files left after ${acked} acks`);
  if (spool.bytesUsed() < bytes) throw new Error("the bytes of files in queues are not counted");
}
