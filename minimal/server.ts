/**
 * The server: says welcome, takes uploads from senders, makes deliveries to receivers.
 *
 * What may be said when is data: the tables UPLOAD_SERVER and DELIVERY_SERVER of src/protocol. A
 * session finds the frame in its table, and carries out the effects that the table names, one after
 * the other. So this file has one function for each effect, and no `if` about the order of frames:
 * a frame that comes out of order has no cell, and ends the connection with `frame-unexpected`.
 * What an effect finds out ("refused", "sent") it gives to the table as an event, as if it were a
 * frame of its own.
 *
 * A session lives as long as its connection, and remembers nothing for the next one. What has to
 * survive is on disk (queues.ts) or at the client, and each new connection begins by asking for it.
 *
 * Invariant: no frame of a connection is taken before the effects of the last one are done. That is
 * the back pressure, and it is why no answer has to be queued in memory.
 *
 * It refuses to know of sockets and clocks (main.ts), and of files (queues.ts).
 *
 * Left out, and where the full program has it:
 *   operators                           src/net/extensions/operate/         adr/0038
 *   tokens: who may do what             src/net/server/access.ts            adr/0037
 *   files stored beside each other      src/net/server/upload-session.ts    adr/0015
 *   verdicts while content is sent      src/net/server/delivery-session.ts  adr/0014
 *   one memory limit for all clients    src/net/wire/shared-limit.ts        adr/0077
 *   files whose receivers vanish        src/net/server/suspects.ts          adr/0078
 *   a pause after a disk that failed    src/net/server/verdicts.ts          adr/0079
 *   metrics, and a log                  src/net/extensions/observe/         adr/0042
 *
 * In the full program: src/net/server/. Why tables: adr/0008. Read next: client.ts.
 */
import type { Effects, EventOf, Message, MessageOf } from "../src/protocol/index.ts";
import { Conversation, checkChunk, DELIVERY_SERVER, FilespoolError, failure } from "../src/protocol/index.ts";
import { failureForPeer, LIMITS, UPLOAD_SERVER } from "../src/protocol/index.ts";
import { Connection, type Data, type Wire } from "./connection.ts";
import { understood } from "./growing-file.ts";
import type { Answer, Delivery, Queues, Upload } from "./queues.ts";
import { LEASE_MS, oneByOne } from "./queues.ts";
/** Tells whoever runs the program what happened. */
export type Emit = (event: string, fields: object) => void;
/** A conversation: it takes every frame from the hello on, and lets go of everything in the end. */
type Session = { take(frame: Message | Data): Promise<void> | undefined; leave(): Promise<void> | undefined };
/** Without a bound, strangers take all descriptors that there are. */
const CONNECTIONS_MAX = 1000;
/** Content of one data frame on the way out. */
const CHUNK_BYTES = 256 * 1024;
/** A server without sockets: somebody else listens, and brings it the wires. */
export function createServer(queues: Queues, emit: Emit) {
  /** All clients. A `peer` is one run of a client over all of its connections; only it knows it. */
  const clients = new Map<Connection, { peer: string; over: Promise<void> }>();
  /** One client, from its hello until one of the two sides leaves. */
  async function converse(connection: Connection): Promise<void> {
    let session: Session | undefined;
    try {
      const hello = await connection.hear();
      if (hello.type !== "hello") throw new FilespoolError("frame-unexpected", "a conversation begins with hello");
      const { versions, role, peer } = hello;
      // A newer client names all versions that it speaks. This server has one, and says so; to
      // guess from the bytes who speaks what would fail in ways that nobody can explain.
      if (!versions.includes(1)) throw new FilespoolError("version-unsupported");
      if (role === "operator") throw new FilespoolError("role-unsupported", "this server has no operators");
      // The newest connection of a client wins, because its client has given the older one up. What
      // that one held must be free before this one asks, or it would hear that nothing is waiting.
      const older = [...clients].filter(([, client]) => client.peer === peer);
      for (const [other] of older) void other.close(new FilespoolError("superseded"));
      Object.assign(clients.get(connection) ?? {}, { peer });
      await Promise.all(older.map(([, { over }]) => over));
      session = (role === "sender" ? takeUploads : makeDeliveries)(connection, queues, emit, hello);
      await session.take(hello);
      for await (const frame of connection.frames) await session.take(frame);
      await connection.close();
    } catch (error) {
      // What breaks a conversation is told to the client, as far as it is any of its business.
      emit("error", failure(understood(error)));
      await connection.close(understood(error));
    }
    // Also after an error, and not before the last effect has ended: a file that is being stored is
    // stored, and its sender hears so when it comes back and offers it again.
    await session?.leave();
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
/**
 * The answer to a hello: what `stored` means here, and how much may be sent without an answer. A
 * file up to `pipelineBytesMax` costs no round trip, in either direction. Before a larger one is
 * sent, its sender or its receiver is asked how much of it is there already.
 */
function welcome({ digests }: Queues): MessageOf<"welcome"> {
  const { dataBytesMax, fileBytesMax, pipelineBytesMax, windowFiles, windowBytes } = LIMITS;
  const bounds = { dataBytesMax, fileBytesMax, pipelineBytesMax, windowFiles, windowBytes, leaseMs: LEASE_MS };
  const server = { type: "welcome", version: 1, agent: "filespool-minimal", durability: "fsync" } as const;
  return { ...server, digests: [...digests], ...bounds };
}
/**
 * Takes files from one sender, one after the other. Each is on disk before the next one is looked
 * at, so the files of a sender get into their queue in the order in which it sent them.
 */
function takeUploads(connection: Connection, queues: Queues, emit: Emit): Session {
  const talk = new Conversation(UPLOAD_SERVER, "greeting");
  /**
   * The offer that frames are about now. What is learned later is put into it: the size of a
   * stream, which its sender cannot know before the end.
   */
  let offer!: MessageOf<"offer">;
  /**
   * Our hold on the content. One that is left behind is closed, and to close it again does nothing.
   */
  let upload: Upload | undefined;
  /** Lets go of the file. What arrived stays, for when the sender comes back. */
  const leave = () => upload?.file.close();
  /**
   * Refuses this file, and goes on with the next. But a sender that broke the protocol, or is not
   * the newest one for this file, loses its connection.
   */
  const refuse = async (error: unknown) => {
    await leave();
    const refusal = understood(error);
    if (refusal.kind === "integrity" || refusal.code === "superseded") throw refusal;
    await talk.carryOut("refused", effects, refusal);
  };
  /** `repeated`: it was here before this offer; `collected`: and somebody has taken it since. */
  const tellStored = (digest: string, repeated: boolean, collected: boolean) => {
    emit("stored", { ...offer, digest, repeated });
    return connection.send({ type: "stored", transfer: offer.transfer, digest, repeated, collected });
  };
  /** The sender hears all about its own file. Of our disk it hears only that something is wrong. */
  const tellRefused = (error: unknown) => {
    emit("refused", { ...offer, ...failure(understood(error)) });
    return connection.send({ type: "refuse", about: offer.transfer, ...failureForPeer(understood(error)) });
  };
  const effects: Effects<typeof UPLOAD_SERVER> = {
    welcome: () => connection.send(welcome(queues)),
    // No further frame is taken until the spool has answered. What a sender sent on waits in the
    // socket, so a small file and a large one go the same way through this table.
    open: async (asked: MessageOf<"offer">) => {
      // region: open
      offer = asked;
      const { type, wait, ...file } = asked;
      const superseded = () => void connection.close(new FilespoolError("superseded"));
      const answer = await queues.offer(file, superseded).catch(refuse);
      if (answer) await talk.carryOut("stored" in answer ? "already" : "accepted", effects, answer);
      // endregion: open
    },
    // The durable offset, which nobody but this server decides. A sender that did not ask sends
    // from zero, and what is here of its file is passed over.
    tellOffset: async (answer: Upload) => {
      upload = answer;
      const { durable: offset } = upload.file;
      if (offer.wait) await connection.send({ type: "accept", transfer: offer.transfer, offset });
    },
    // The file is here already: the same answer as after storing it. The sender had lost that one,
    // or was started a second time. What it still sends of this file is skipped.
    tellStored: ({ stored, collected }: Exclude<Answer, Upload>) => tellStored(stored.digest, true, collected),
    tellRefused,
    // To wait for the disk here is how a fast sender feels a slow disk. Each sync moves the durable
    // offset, and a sender that hears of it knows what it need not keep or send again.
    append: async (data: Data) => {
      // region: append
      // Only the last chunk may be below 1 KiB. So such a chunk tells how long a stream is.
      offer = { ...offer, size: checkChunk(data.offset, data.length, offer.size) };
      const isSynced = await upload?.file.append(data).catch(refuse);
      const { durable: offset = 0 } = upload?.file ?? {};
      if (isSynced) await connection.send({ type: "progress", transfer: offer.transfer, offset });
      // endregion: append
    },
    // The file is complete if its digest says so: that all bytes came proves nothing. It resolves
    // when the file is in its queue, on disk, and only then the one word is said that counts.
    store: async ({ transfer, digest, size = offer.size }: MessageOf<"finish">) => {
      // region: store
      if (transfer !== offer.transfer || size === Infinity) throw new FilespoolError("message-invalid");
      offer = { ...offer, size };
      const stored = await queues.finish(upload as Upload, digest, size).catch(tellRefused);
      if (stored) await tellStored(digest, false, false);
      // endregion: store
    },
    // The sender gave the file up: it changed while it was read. Nothing of it is kept, since half
    // of an old file and half of a new one would be no file at all.
    discard: () => upload?.file.remove(),
    // The sender ends its side of the stream now, and so ends the loop over its frames.
    close: () => {},
  };
  // The events of this table have the names of the frames, so there is nothing to translate.
  return { take: (frame) => talk.carryOut(frame.type as EventOf<typeof UPLOAD_SERVER>, effects, frame), leave };
}
/**
 * Hands the files of one queue to one receiver, one after the other. The receiver says how many it
 * has room for, and gives its verdict on each. Until then the file is leased to it. A receiver that
 * dies gives no verdict, so its files go back to the head of their queue, and nothing is lost.
 */
function makeDeliveries(connection: Connection, queues: Queues, emit: Emit, hello: MessageOf<"hello">): Session {
  const { queue = "", dataBytesMax = CHUNK_BYTES } = hello;
  const chunkBytes = Math.max(LIMITS.bufferBytesMin, Math.min(CHUNK_BYTES, dataBytesMax));
  const talk = new Conversation(DELIVERY_SERVER, "greeting");
  /**
   * Delivered, and without a verdict. All of it goes back when the connection ends, and is handed
   * out in the old order.
   */
  const open = new Map<string, Delivery>();
  /** The one whose `start` or content is next. Null between two, though verdicts may be missing. */
  let current: Delivery | null = null;
  /** Deliveries that the receiver has room for. Nothing is handed out that it did not ask for. */
  let credit = 0;
  /** The receiver knows that nothing is waiting. It is told once, until that may have changed. */
  let saidEmpty = false;
  /**
   * Hands out files, as long as there is one, and room for it at the other end. A small one is sent
   * at once. A large one is only announced, since the receiver may have some of it already.
   */
  const handOut = async () => {
    // region: hand-out
    while (talk.state === "ready" && credit > 0 && !saidEmpty) {
      current = queues.lease(queue);
      if (current) open.set(current.token, current);
      const what = !current ? "none" : current.size <= LIMITS.pipelineBytesMax ? "small" : "large";
      await talk.carryOut(what, effects, current);
    }
    // endregion: hand-out
  };
  /**
   * A frame as an event of the table. About the file in progress it is another event than about an
   * earlier one, on which the receiver may give its verdict at any moment.
   */
  const eventOf = (frame: Message | Data): EventOf<typeof DELIVERY_SERVER> => {
    const isCurrent = "delivery" in frame && frame.delivery === current?.token;
    if (frame.type === "start" && !isCurrent) return "late";
    if (frame.type === "ack" || frame.type === "nack") return isCurrent ? "verdict" : "settle";
    return frame.type as EventOf<typeof DELIVERY_SERVER>;
  };
  const effects: Effects<typeof DELIVERY_SERVER> = {
    welcome: () => connection.send(welcome(queues)),
    // Room for so many more. A slow receiver asks for few, and no more than that is on its way.
    credit: ({ files }: MessageOf<"want">) => {
      credit += files;
      saidEmpty = false;
    },
    // The token goes out as the name of this one delivery. It comes back with all that the receiver
    // says about it.
    deliver: ({ token, ...file }: Delivery) => {
      credit--;
      return connection.send({ type: "deliver", delivery: token, ...file });
    },
    // The content, from the byte that the receiver lacks. Nobody looks at its frames meanwhile, so
    // each chunk that it takes counts as a sign of life, for all that it holds.
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
    // Others may hold files of this queue, which come back unless they are acked. A receiver that
    // hears "leased: 0" may forget what it has landed: nothing of that will come again.
    tellEmpty: () => {
      saidEmpty = true;
      return connection.send({ type: "empty", leased: queues.waiting(queue, open) });
    },
    // The verdict. After an ack the file is off its queue, on disk, and only then the receiver
    // hears that it will not come again. After a nack it is the first of its queue once more.
    record: async (verdict: MessageOf<"ack"> | MessageOf<"nack">) => {
      // region: verdict
      const { delivery } = verdict;
      const file = open.get(delivery);
      if (current?.token === delivery) current = null;
      if (!file || !queues.renew(delivery)) return effects.tellLost(verdict as never);
      if (verdict.type === "ack") await queues.ack(delivery);
      else queues.giveBack(delivery);
      open.delete(delivery);
      if (verdict.type === "nack") return;
      emit("acked", file);
      await connection.send({ type: "acked", delivery });
      // endregion: verdict
    },
    // Still busy, says the receiver: a slow disk, or a file that may not land while it runs. To
    // renew costs no sync, because leases are in memory.
    renew: ({ delivery }: MessageOf<"working">) => void (open.has(delivery) && queues.renew(delivery)),
    // The lease has run out, and the file may be with somebody else. Its token is worth nothing.
    tellLost: ({ delivery: about }: { readonly delivery: string }) =>
      connection.send({ type: "refuse", about, ...failure(new FilespoolError("lease-lost")) }),
    // Never called: content that cannot be read ends the connection, and its client backs off. Told
    // that this one file is withdrawn, it would ask for the next, and that is the same one again.
    withdraw: () => {},
    close: () => {},
  };
  // Frames and arrivals come at any time, and are worked off one after the other. Else a file that
  // arrives while another is sent would put its frames in the middle of that one.
  const line = oneByOne();
  const onArrival = () => {
    saidEmpty = false;
    line(handOut).catch((error) => connection.close(understood(error)));
  };
  queues.listeners.add(onArrival);
  const leave = () => {
    queues.listeners.delete(onArrival);
    // Nobody waits for a lease to run out because of a cut that was noticed.
    return line(async () => open.forEach((_, token) => void queues.giveBack(token)));
  };
  const take = async (frame: Message | Data) => talk.carryOut(eventOf(frame), effects, frame);
  return { take: (frame) => line(() => take(frame).then(handOut)), leave };
}
