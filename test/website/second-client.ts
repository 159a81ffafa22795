/**
 * A client that knows Filespool from the reference alone: written from website/docs/reference, page after page.
 *
 * It imports nothing of src, and nothing but Node's own modules. Where it is wrong, either the reference or it has to be
 * mended; it must never look at the code for an answer. It keeps files in memory, which a real client would not.
 */
import { createHash, randomBytes } from "node:crypto";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { crc32 } from "node:zlib";

// Wire format: frame types.
const TYPES: Readonly<Record<string, number>> = {
  ...{ hello: 0x01, welcome: 0x02, error: 0x03, ping: 0x04, bye: 0x05, data: 0x06, zeros: 0x07 },
  ...{ offer: 0x10, accept: 0x11, progress: 0x12, finish: 0x13, stored: 0x14, cancel: 0x15, refuse: 0x16 },
  ...{ want: 0x20, empty: 0x21, deliver: 0x22, start: 0x23, working: 0x24, ack: 0x25, acked: 0x26, nack: 0x27 },
  ...{ withdraw: 0x28, list: 0x30, show: 0x31, requeue: 0x32, purge: 0x33, tally: 0x38, row: 0x39, page: 0x3a },
  ...{ state: 0x3b, done: 0x3c },
};
const HEADER_BYTES = 24;
const DATA_BYTES_MAX = 4 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** A frame as it arrived: its name, and its JSON object or its piece of a file. */
export interface Arrived {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a message is what its page in the reference says
  readonly body: any;
  readonly offset: number;
  readonly payload: Buffer;
}

export function encodeFrame(type: string, payload: Uint8Array, offset = 0): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("FS", 0, "latin1");
  header.writeUInt8(TYPES[type] as number, 2);
  header.writeUInt32BE(payload.length, 4);
  header.writeBigUInt64BE(BigInt(offset), 8);
  header.writeUInt32BE(crc32(payload), 16);
  header.writeUInt32BE(crc32(header.subarray(0, 20)), 20);
  return Buffer.concat([header, payload]);
}

/** Takes one frame off the front of what has arrived, in the order that "Reading a frame" asks for; null for not yet. */
export function decodeFrame(bytes: Buffer): { readonly frame: Arrived | null; readonly rest: Buffer } | null {
  if (!"FS".startsWith(bytes.toString("latin1", 0, 2))) throw new Error("not-filespool");
  if (bytes.length < HEADER_BYTES) return null;
  if (bytes.readUInt32BE(20) !== crc32(bytes.subarray(0, 20))) throw new Error("frame-damaged");
  const code = bytes.readUInt8(2);
  const length = bytes.readUInt32BE(4);
  const offset = bytes.readBigUInt64BE(8);
  const isData = code === TYPES.data;
  const isZeros = code === TYPES.zeros;
  if (length > (isData ? DATA_BYTES_MAX : isZeros ? 4 : 16 * 1024)) throw new Error("frame-too-large");
  const isPlaced = (count: number) => count > 0 && offset + BigInt(count) <= BigInt(2 ** 53 - 1);
  const isCanonical = isData ? isPlaced(length) : isZeros ? length === 4 : offset === 0n;
  if (!isCanonical) throw new Error("message-invalid");
  if (bytes.length < HEADER_BYTES + length) return null;
  const payload = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
  if (bytes.readUInt32BE(16) !== crc32(payload)) throw new Error("frame-damaged");
  if (isZeros && payload.readUInt32BE(0) > DATA_BYTES_MAX) throw new Error("frame-too-large");
  if (isZeros && !isPlaced(payload.readUInt32BE(0))) throw new Error("message-invalid");
  const rest = bytes.subarray(HEADER_BYTES + length);
  const type = Object.keys(TYPES).find((name) => TYPES[name] === code);
  if (type === undefined) {
    if ((bytes.readUInt8(3) & 0x01) === 0) throw new Error("frame-unknown");
    return { frame: null, rest };
  }
  return {
    frame: { type, body: isData || isZeros ? null : messageOf(payload), offset: Number(offset), payload },
    rest,
  };
}

function messageOf(payload: Buffer): object {
  try {
    const body: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload));
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  } catch {
    // Told below, as one error.
  }
  throw new Error("message-invalid");
}

export interface Invite {
  readonly host: string;
  readonly port: number;
  readonly queue: string;
  readonly token?: string;
  readonly cert?: string;
}

/** Find the server. */
export function readInvite(text: string): Invite {
  const found = /^filespool:\/\/(?<host>\[[^\]]+\]|[^:/]+)(?::(?<port>\d+))?(?:\/(?<queue>[^#]*))?(?:#(?<query>.*))?$/;
  const { host = "", port = "5011", queue = "default", query = "" } = found.exec(text)?.groups ?? {};
  const fields = new URLSearchParams(query);
  const [token, cert] = [fields.get("token"), fields.get("cert")];
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port),
    queue: decodeURIComponent(queue),
    ...(token !== null && { token }),
    ...(cert !== null && { cert }),
  };
}

/** Encrypt. Nothing is sent before the certificate is one of those that were agreed on. */
async function connect({ host, port, cert }: Invite): Promise<Socket> {
  const isAddress = /^[\d.]+$|:/.test(host);
  const pinned = cert?.split(",") ?? [];
  const options = { host, port, minVersion: "TLSv1.3", ...(isAddress ? {} : { servername: host }) } as const;
  const socket =
    cert === undefined ? connectPlain(port, host) : connectTls({ ...options, rejectUnauthorized: cert === "ca" });
  await new Promise((resolve, reject) => {
    socket.once("error", reject).once(cert === undefined ? "connect" : "secureConnect", resolve);
  });
  if (cert !== undefined && cert !== "ca") {
    const shown = (socket as TLSSocket).getPeerCertificate().raw;
    if (!pinned.includes(createHash("sha256").update(shown).digest("hex"))) {
      socket.destroy();
      throw new Error("certificate-refused");
    }
  }
  return socket;
}

/** One conversation. What the server says waits in `#arrived` until somebody asks for it, so this always reads. */
export class Conversation {
  readonly #socket: Socket;
  readonly #arrived: Arrived[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #isOver = false;
  #wake = () => {};
  // biome-ignore lint/suspicious/noExplicitAny: the object of `welcome`
  welcome: any = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      for (let taken = decodeFrame(this.#bytes); taken !== null; taken = decodeFrame(this.#bytes)) {
        this.#bytes = taken.rest;
        if (taken.frame && taken.frame.type !== "ping") this.#arrived.push(taken.frame);
      }
      this.#wake();
    });
    const over = () => {
      this.#isOver = true;
      this.#wake();
    };
    socket.on("error", over).on("close", over);
  }

  /** Open. */
  static async open(invite: Invite, role: "sender" | "receiver" | "operator"): Promise<Conversation> {
    const talk = new Conversation(await connect(invite));
    const { queue, token } = invite;
    const peer = randomBytes(16).toString("hex");
    talk.say("hello", {
      ...{ versions: [1], role, peer, agent: "second-client/1" },
      ...(token !== undefined && { token }),
      ...(role === "receiver" && { queue }),
    });
    talk.welcome = (await talk.hear("welcome")).body;
    return talk;
  }

  say(type: string, body: object = {}): void {
    this.#socket.write(encodeFrame(type, Buffer.from(JSON.stringify(body))));
  }

  sayData(offset: number, payload: Uint8Array): void {
    this.#socket.write(encodeFrame("data", payload, offset));
  }

  /** The next frame. @throws the code of an `error`; "gone" at the end of the connection */
  async next(): Promise<Arrived> {
    while (this.#arrived.length === 0) {
      if (this.#isOver) throw new Error("gone");
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    const frame = this.#arrived.shift() as Arrived;
    if (frame.type === "error") throw new Error(frame.body.code);
    return frame;
  }

  /** The next frame, which is of one of these types. @throws when it is another; the code of a `refuse` */
  async hear(...types: string[]): Promise<Arrived> {
    const frame = await this.next();
    if (frame.type === "refuse" && !types.includes("refuse")) throw new Error(frame.body.code);
    if (!types.includes(frame.type)) throw new Error(`${frame.type} instead of ${types.join(" or ")}`);
    return frame;
  }

  /** The end of everything, in good order. */
  async bye(): Promise<void> {
    this.say("bye");
    this.#socket.end();
    while (!this.#isOver) await this.next().catch(() => {});
  }

  /** A cut. */
  cut(): void {
    this.#socket.destroy();
  }
}

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

export interface Outgoing {
  readonly transfer: string;
  readonly queue: string;
  readonly name: string;
  readonly content: Uint8Array;
  readonly kind?: string;
  /** Content whose size is not told before its end. */
  readonly isStream?: boolean;
  /** Cuts the connection behind the first durable offset. */
  readonly cutAtProgress?: boolean;
}

/** Send a file, or a stream. Returns the answer and the offset from which the content was sent. */
export async function upload(talk: Conversation, file: Outgoing): Promise<{ from: number; stored: Arrived["body"] }> {
  const { transfer, queue, name, content, kind, isStream = false } = file;
  const { pipelineBytesMax, dataBytesMax } = talk.welcome;
  const wait = isStream || content.length > pipelineBytesMax;
  const size = isStream ? null : content.length;
  talk.say("offer", { transfer, queue, name, size, algorithm: "sha256", wait, ...(kind !== undefined && { kind }) });
  let from = 0;
  if (wait) {
    const answer = await talk.hear("accept", "stored");
    if (answer.type === "stored") return { from: content.length, stored: answer.body };
    from = answer.body.offset;
  }
  const chunkBytes = Math.min(CHUNK_BYTES, dataBytesMax);
  for (let at = from; at < content.length; at += chunkBytes) talk.sayData(at, content.subarray(at, at + chunkBytes));
  if (file.cutAtProgress) {
    const { offset } = (await talk.hear("progress")).body;
    talk.cut();
    return { from: offset, stored: null };
  }
  talk.say("finish", { transfer, digest: sha256(content), ...(isStream && { size: content.length }) });
  for (;;) {
    const answer = await talk.hear("progress", "stored");
    if (answer.type === "stored" && answer.body.transfer === transfer) return { from, stored: answer.body };
  }
}

/** A file as a receiver has it before it says what it thinks of it. */
export interface Incoming {
  // biome-ignore lint/suspicious/noExplicitAny: the object of `deliver`
  readonly about: any;
  readonly content: Buffer;
}

/** Receive one file; null when nothing is waiting. The verdict is the caller's. */
export async function take(talk: Conversation): Promise<Incoming | null> {
  talk.say("want", { files: 1 });
  const answer = await talk.hear("deliver", "empty");
  if (answer.type === "empty") return null;
  const about = answer.body;
  if (about.size > talk.welcome.pipelineBytesMax) talk.say("start", { delivery: about.delivery, offset: 0 });
  const pieces: Buffer[] = [];
  for (let next = 0; next < about.size; ) {
    const { offset, payload } = await talk.hear("data");
    if (offset !== next) throw new Error(`data at ${offset} instead of ${next}`);
    pieces.push(payload);
    next += payload.length;
  }
  return { about, content: Buffer.concat(pieces) };
}

/** Every row of a list, over all its pages. */
export async function list(talk: Conversation, what: string, queue?: string): Promise<Arrived["body"][]> {
  const rows: Arrived["body"][] = [];
  for (let cursor: string | undefined; ; ) {
    talk.say("list", { what, ...(queue !== undefined && { queue }), ...(cursor !== undefined && { cursor }), rows: 2 });
    for (;;) {
      const answer = await talk.hear("row", "tally", "page");
      if (answer.type !== "page") rows.push(answer.body);
      else if (answer.body.next === undefined) return rows;
      else {
        cursor = answer.body.next;
        break;
      }
    }
  }
}
