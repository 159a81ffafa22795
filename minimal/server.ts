/**
 * The server: says welcome, takes uploads from senders, makes deliveries to receivers.
 *
 * What may be said when is data: the tables UPLOAD_SERVER and DELIVERY_SERVER of src/protocol. A
 * session finds the frame in its table, and carries out the effects that the table names, one after
 * the other. So this file has one function for each effect, and no `if` about the order of frames: a
 * frame that comes out of order has no cell, and ends the connection with `frame-unexpected`.
 *
 * Invariant: no frame of a connection is taken before the effects of the last one are done. That is
 * the back pressure, and it is why nobody has to remember words that are still to be said.
 *
 * It refuses to know of sockets and clocks (main.ts), and of files (queues.ts).
 *
 * Left out, and where the full program has it:
 *   operators                           src/net/extensions/operate/        adr/0038
 *   tokens: who may do what             src/net/server/access.ts           adr/0037
 *   files stored beside each other      src/net/server/upload-session.ts   adr/0015
 *   verdicts while content is sent      src/net/server/delivery-session.ts adr/0014
 *   one memory limit for all clients    src/net/wire/shared-limit.ts       adr/0077
 *   files whose receivers vanish        src/net/server/suspects.ts         adr/0078
 *   metrics, and a log                  src/net/extensions/observe/        adr/0042
 *
 * In the full program: src/net/server/. Why tables: adr/0008. Read next: client.ts.
 */
import type { Effects, EventOf, Message, MessageOf } from "../src/protocol/index.ts";
import { Conversation, checkChunk, DELIVERY_SERVER, FilespoolError, failure } from "../src/protocol/index.ts";
import { failureForPeer, LIMITS, UPLOAD_SERVER } from "../src/protocol/index.ts";
import { Connection, type Data, type Wire } from "./connection.ts";
import { understood } from "./growing-file.ts";
import type { Answer, Delivery, Offer, Queues, Upload } from "./queues.ts";
import { LEASE_MS, oneByOne } from "./queues.ts";

/** Tells whoever runs the program what happened. */
export type Emit = (event: string, fields: object) => void;
export type Server = ReturnType<typeof createServer>;
/** One conversation with one client, from its hello until it leaves. */
type Talk = (connection: Connection, hello: MessageOf<"hello">, queues: Queues, emit: Emit) => Promise<void>;

/** Without a bound, strangers take all descriptors that there are. */
const CONNECTIONS_MAX = 1000;
/** Content of one data frame on the way out. */
const CHUNK_BYTES = 256 * 1024;

export function createServer(queues: Queues, emit: Emit) {
  /** All clients. A `peer` is one run of a client, over all of its connections. */
  const clients = new Map<Connection, { peer: string; over: Promise<void> }>();

  async function converse(connection: Connection): Promise<void> {
    try {
      const { value: hello } = await connection.frames.next();
      if (hello?.type !== "hello") throw new FilespoolError("frame-unexpected", "a conversation begins with hello");
      const { versions, role, queue, peer } = hello;
      if (!versions.includes(1)) throw new FilespoolError("version-unsupported");
      if (role === "operator") throw new FilespoolError("role-unsupported", "this server has no operators");
      if (role === "receiver" && !queue) throw new FilespoolError("message-invalid", "a receiver names a queue");
      // The newest connection of a client wins, because its client has given the older one up. What
      // that one held must be free before this one asks, or it would hear that nothing is waiting.
      const older = [...clients].filter(([, client]) => client.peer === peer);
      for (const [other] of older) other.destroy(new FilespoolError("superseded"));
      Object.assign(clients.get(connection) ?? {}, { peer });
      await Promise.all(older.map(([, { over }]) => over));
      emit("connected", { role, queue });
      const talk: Talk = role === "sender" ? takeUploads : makeDeliveries;
      await talk(connection, hello, queues, emit);
      await connection.close();
    } catch (error) {
      // What breaks a conversation is told to the client, as far as it is any of its business.
      emit("error", failure(understood(error)));
      await connection.close(understood(error));
    }
  }

  return {
    /** Takes a client that comes over a wire. Resolves when it has left. */
    accept(wire: Wire): Promise<void> {
      const connection = new Connection(wire);
      if (clients.size >= CONNECTIONS_MAX) return connection.close(new FilespoolError("connections-full"));
      const over = converse(connection).finally(() => clients.delete(connection));
      clients.set(connection, { peer: "", over });
      return over;
    },

    /**
     * Shuts down: what is being written to disk is written, and every client is told to come back.
     * None of them loses anything. It goes on where it was, when there is a server again.
     */
    async drain(): Promise<void> {
      for (const connection of clients.keys()) void connection.close(new FilespoolError("shutting-down"));
      await Promise.all([...clients.values()].map(({ over }) => over));
    },
  };
}

/** The answer to a hello: what `stored` means here, and how much may be sent without an answer. */
function welcome({ digests }: Queues): MessageOf<"welcome"> {
  const { dataBytesMax, fileBytesMax, pipelineBytesMax, windowFiles, windowBytes } = LIMITS;
  const bounds = { dataBytesMax, fileBytesMax, pipelineBytesMax, windowFiles, windowBytes, leaseMs: LEASE_MS };
  const server = { version: 1, agent: "filespool-minimal", durability: "fsync" } as const;
  return { type: "welcome", ...server, digests: [...digests], ...bounds };
}

/** What events say of a file. */
const about = ({ transfer, queue, name, size }: Offer): object => ({ transfer, queue, name, size });

/** Takes files from one sender, one after the other. */
const takeUploads: Talk = async (connection, _, queues, emit) => {
  const talk = new Conversation(UPLOAD_SERVER, "greeting");
  /** The offer that frames are about now, and our hold on its content. */
  let offer!: MessageOf<"offer">;
  let upload: Upload | undefined;

  /** Lets go of the file. What arrived stays, for when the sender comes back. */
  const leave = async () => upload?.file.close();

  /** Refuses this file, and goes on. A sender that broke the protocol, or is not the newest, has to go. */
  const refuse = async (error: unknown) => {
    await leave();
    const refusal = understood(error);
    if (refusal.kind === "integrity" || refusal.code === "superseded") throw refusal;
    await talk.carryOut("refused", effects, refusal);
  };

  const tellStored = (digest: string, repeated: boolean, collected: boolean) => {
    emit("stored", { ...about(offer), digest, repeated });
    return connection.send({ type: "stored", transfer: offer.transfer, digest, repeated, collected });
  };

  const tellRefused = (error: unknown) => {
    emit("refused", { ...about(offer), ...failure(understood(error)) });
    return connection.send({ type: "refuse", about: offer.transfer, ...failureForPeer(understood(error)) });
  };

  const effects: Effects<typeof UPLOAD_SERVER> = {
    welcome: () => connection.send(welcome(queues)),

    // No further frame is taken until the spool has answered. What a sender sent on waits in the socket.
    open: async (asked: MessageOf<"offer">) => {
      offer = asked;
      const { type, wait, ...file } = asked;
      const superseded = () => void connection.close(new FilespoolError("superseded"));
      const answer = await queues.offer(file, superseded).catch(refuse);
      if (answer) await talk.carryOut("stored" in answer ? "already" : "accepted", effects, answer);
    },

    // A sender that did not ask sends from zero, and what is here of its file is passed over.
    tellOffset: async (answer: Upload) => {
      upload = answer;
      const offset = upload.file.durable;
      if (offset > 0) emit("resumed", { ...about(offer), offset });
      if (offer.wait) await connection.send({ type: "accept", transfer: offer.transfer, offset });
    },

    // The file is here already: the same answer as after storing it, and what still comes is skipped.
    tellStored: ({ stored, collected }: Exclude<Answer, Upload>) => tellStored(stored.digest, true, collected),
    tellRefused,

    // To wait for the disk here is how a fast sender feels a slow disk.
    append: async (data: Data) => {
      // Only the last chunk of a file may be tiny. So a tiny one tells how long a stream is.
      offer = { ...offer, size: checkChunk(data.offset, data.length, offer.size) };
      const isSynced = await upload?.file.append(data).catch(refuse);
      const { durable: offset = 0 } = upload?.file ?? {};
      if (isSynced) await connection.send({ type: "progress", transfer: offer.transfer, offset });
    },

    // Resolves when the file is in its queue, on disk; only then the one word is said that counts.
    store: async ({ transfer, digest, size = offer.size }: MessageOf<"finish">) => {
      if (transfer !== offer.transfer || size === Infinity) throw new FilespoolError("message-invalid");
      offer = { ...offer, size };
      const stored = await queues.finish(upload as Upload, digest, size).catch(tellRefused);
      if (stored) await tellStored(digest, false, false);
    },

    // The sender gave the file up: it changed while it was read. Nothing of it is kept.
    discard: () => upload?.file.remove(),

    // The sender ends its side of the stream now, and so ends the loop over its frames.
    close: () => {},
  };

  await talk.carryOut("hello", effects);
  try {
    for await (const frame of connection.frames)
      await talk.carryOut(frame.type as EventOf<typeof UPLOAD_SERVER>, effects, frame);
  } finally {
    await leave();
  }
};

/** Hands the files of one queue to one receiver, one after the other. */
const makeDeliveries: Talk = async (connection, { queue = "", dataBytesMax = CHUNK_BYTES }, queues, emit) => {
  const talk = new Conversation(DELIVERY_SERVER, "greeting");
  const chunkBytes = Math.max(LIMITS.bufferBytesMin, Math.min(CHUNK_BYTES, dataBytesMax));
  /** Delivered, and without a verdict. All of it goes back when the connection ends. */
  const open = new Map<string, Delivery>();
  /** The one whose `start` or content is next. */
  let current: Delivery | null = null;
  /** Deliveries that the receiver has room for. Nothing is sent that it did not ask for. */
  let credit = 0;
  /** The receiver knows that nothing is waiting. True until that may have changed. */
  let saidEmpty = false;

  /** Hands out files, as long as there is one, and room for it at the other end. */
  const handOut = async () => {
    while (talk.state === "ready" && credit > 0 && !saidEmpty) {
      current = queues.lease(queue);
      if (current) open.set(current.token, current);
      const what = !current ? "none" : current.size <= LIMITS.pipelineBytesMax ? "small" : "large";
      await talk.carryOut(what, effects, current);
    }
  };

  /** A frame as an event of the table: a verdict on the file in progress differs from one on another. */
  const eventOf = (frame: Message | Data): EventOf<typeof DELIVERY_SERVER> => {
    const isCurrent = "delivery" in frame && frame.delivery === current?.token;
    if (frame.type === "start" && !isCurrent) return "late";
    if (frame.type === "ack" || frame.type === "nack") return isCurrent ? "verdict" : "settle";
    return frame.type as EventOf<typeof DELIVERY_SERVER>;
  };

  const effects: Effects<typeof DELIVERY_SERVER> = {
    welcome: () => connection.send(welcome(queues)),

    credit: ({ files }: MessageOf<"want">) => {
      credit += files;
      saidEmpty = false;
      if (credit > LIMITS.windowFiles) throw new FilespoolError("flood");
    },

    deliver: ({ token, ...file }: Delivery) => {
      credit--;
      return connection.send({ type: "deliver", delivery: token, ...file });
    },

    // The content, from the byte that the receiver lacks. Each chunk that it takes is a sign of life.
    stream: async (cause: Delivery | MessageOf<"start">) => {
      const { token, size } = current as Delivery;
      let at = "offset" in cause ? cause.offset : 0;
      for await (const chunk of queues.read(token, at, chunkBytes)) {
        await connection.sendData(at, chunk);
        at += chunk.length;
        for (const held of open.keys()) queues.renew(held);
      }
      if (at < size) throw new FilespoolError("spool-unusable", `the content of ${token} ends at byte ${at}`);
      current = null;
      await talk.carryOut("sent", effects);
    },

    tellEmpty: () => {
      saidEmpty = true;
      return connection.send({ type: "empty", leased: queues.waiting(queue) - open.size });
    },

    // The verdict on a delivery. After an ack the file is off its queue, on disk; then that is said.
    record: async (verdict: MessageOf<"ack"> | MessageOf<"nack">) => {
      const { delivery } = verdict;
      const file = open.get(delivery);
      if (current?.token === delivery) current = null;
      if (!file || !queues.renew(delivery)) return effects.tellLost(verdict as never);
      if (verdict.type === "ack") await queues.ack(delivery);
      else queues.giveBack(delivery);
      open.delete(delivery);
      if (verdict.type === "nack") return;
      emit("acked", about(file));
      await connection.send({ type: "acked", delivery });
    },

    renew: ({ delivery }: MessageOf<"working">) => void (open.has(delivery) && queues.renew(delivery)),

    tellLost: ({ delivery: about }: { readonly delivery: string }) =>
      connection.send({ type: "refuse", about, ...failure(new FilespoolError("lease-lost")) }),

    // Never asked for: content that cannot be read ends the connection, and its client backs off.
    withdraw: () => {},
    close: () => {},
  };

  // Frames and arrivals come at any time, and are worked off one after the other.
  const line = oneByOne();
  const onArrival = () => {
    saidEmpty = false;
    line(handOut).catch((error) => connection.close(understood(error)));
  };
  const take = (frame: Message | Data) =>
    line(() => Promise.resolve(talk.carryOut(eventOf(frame), effects, frame)).then(handOut));
  queues.listeners.add(onArrival);
  try {
    await talk.carryOut("hello", effects);
    for await (const frame of connection.frames) await take(frame);
  } finally {
    queues.listeners.delete(onArrival);
    // Nobody waits for a lease to run out because of a cut that was noticed.
    await line(async () => open.forEach((_, token) => void queues.giveBack(token)));
  }
};
