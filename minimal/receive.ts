/**
 * The receiver: collects what waits in a queue, and acks only what is in the folder, on disk.
 *
 * A file lands in this order, and each step relies on the one before it:
 *
 *   1. its content is whole, verified and synced, in a part file that nobody mistakes for it
 *   2. it gets its name by a hard link, which fails where a rename would replace somebody's file
 *   3. the folder is synced: the name would survive a power cut
 *   4. the part is renamed to <transfer>.landed
 *   5. only then the receiver acks
 *
 * So the second name of the file is the journal. After a crash between 2 and 5 the server delivers
 * the file again, and by then somebody may have moved it away. But a part with two names, or a name
 * that ends in .landed, says that it has landed, and it is acked and does not land twice. The mark
 * goes when the server has confirmed the ack, and will not deliver the file again.
 *
 * Invariant: a name that others see in the folder belongs to a whole file.
 *
 * Left out, and where the full program has it:
 *   overwrite, skip, refuse           src/net/receiver/landing.ts           adr/0016
 *   many files for one sync           src/net/receiver/small-file.ts        adr/0033
 *   folders unpacked (here: x.tar)    src/net/extensions/folder/            adr/0041
 *   modes and times of files          src/net/receiver/file-attributes.ts   adr/0098
 *   hooks                             src/net/extensions/hook/              adr/0051
 *   other users in that folder        src/net/receiver/own-files.ts         adr/0082
 *
 * It refuses to know of sockets. In the full program: src/net/receiver/. Read next: main.ts.
 */
import { link, mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { checkDigest, digestOf } from "../src/disk/digest.ts";
import { asError, checkChunk, FilespoolError, known, type MessageOf, numbered } from "../src/protocol/index.ts";
import { safeName } from "../src/protocol/index.ts";
import { type ClientOptions, converse } from "./client.ts";
import { diskError, GrowingFile, syncFolder, unlessCode } from "./growing-file.ts";

type Deliver = MessageOf<"deliver">;
/** `origin` names server and queue, because the marks of one say nothing about another. */
export type ReceiveOptions = ClientOptions & {
  readonly output: string;
  readonly origin: string;
  readonly follow: boolean;
};

/** Files that may not land here. With so many nothing else is asked for: the rest may be like them. */
const HELD_MAX = 100;

/** Under which name a file lands. @throws FilespoolError name-refused, kind-unsupported, digest-unsupported */
function nameOf({ name, kind = "file", algorithm }: Deliver): string {
  checkDigest(algorithm);
  if (kind !== "file" && kind !== "tar") throw new FilespoolError("kind-unsupported", `cannot land a ${kind}`);
  // A folder travels as a tar, and stays one. A name with a dot in front may be obeyed by this machine.
  const safe = safeName(kind === "tar" ? `${name}.tar` : name);
  return safe.startsWith(".") ? `_${safe}` : safe;
}

/** Collects until the queue is empty, or for ever. @returns an error for each file that may not land */
export async function receive(options: ReceiveOptions): Promise<FilespoolError[]> {
  const { origin, follow } = options;
  const output = resolve(options.output);
  const failures: FilespoolError[] = [];
  const ours = join(output, `.filespool-${digestOf("sha256", new TextEncoder().encode(origin)).slice(0, 8)}`);
  const partOf = ({ transfer }: Deliver) => join(ours, `${transfer}.part`);
  const markOf = ({ transfer }: Deliver) => join(ours, `${transfer}.landed`);

  /** Whether this file has landed before, and its ack may have been lost. */
  const hasLanded = async (file: Deliver): Promise<boolean> => {
    // region: has-landed
    if (await stat(markOf(file)).catch(unlessCode("ENOENT", null))) return true;
    const part = await stat(partOf(file)).catch(unlessCode("ENOENT", null));
    if (!part || part.nlink < 2) return false;
    await syncFolder(output); // we may have been stopped before that
    await rename(partOf(file), markOf(file));
    return true;
    // endregion: has-landed
  };

  /** Steps 2 to 4. A name that is taken is not for us: nothing is ever overwritten. */
  const land = async (file: Deliver): Promise<string> => {
    // region: land
    const name = nameOf(file);
    let path = join(output, name);
    const isTaken = () => link(partOf(file), path).then(() => false, unlessCode("EEXIST", true));
    for (let number = 1; await isTaken(); number++) path = join(output, numbered(name, number));
    await syncFolder(output);
    await rename(partOf(file), markOf(file));
    return path;
    // endregion: land
  };

  await mkdir(ours, { recursive: true }).catch(diskError(output));
  await syncFolder(dirname(output)); // the folder may be new, and what lands in it must not vanish with it
  await converse("receiver", options, async (connection, server, emit) => {
    const hear = async () => {
      const { value: frame } = await connection.frames.next();
      if (!frame) throw new FilespoolError("connection-lost", "the server ended the connection");
      return frame;
    };

    /** Steps 1 to 5 for one file. False: the server has taken the delivery back. */
    const collect = async (file: Deliver): Promise<boolean> => {
      const { delivery, transfer, queue, name, size, algorithm, digest } = file;
      if (await hasLanded(file)) return true;
      const part = await GrowingFile.open(partOf(file), size, algorithm);
      try {
        // region: collect
        const offset = part.next;
        if (offset > 0) emit("resumed", { transfer, queue, name, size, offset });
        // The content of a small file is on its way already; a large one is sent from where we say.
        if (size > server.pipelineBytesMax) await connection.send({ type: "start", delivery, offset });
        while (part.next < size) {
          const frame = await hear();
          if (frame.type === "withdraw") return false;
          if (frame.type !== "data") throw new FilespoolError("frame-unexpected", `${frame.type} within a file`);
          checkChunk(frame.offset, frame.length, size);
          await part.append(frame);
        }
        await part.finish(digest, size);
        // endregion: collect
      } finally {
        await part.close();
      }
      emit("landed", { transfer, queue, name, size, path: await land(file).catch(diskError(output)) });
      return true;
    };

    /** Deliveries without a verdict. They are renewed, also while a slow disk or network takes its time. */
    const held = new Set<string>();
    const renew = () => held.forEach((delivery) => void connection.send({ type: "working", delivery }).catch(() => {}));
    const alive = setInterval(renew, server.leaseMs / 3);
    try {
      while (held.size < HELD_MAX) {
        await connection.send({ type: "want", files: 1 });
        let frame = await hear();
        // Data is the rest of a small file that may not land here.
        for (; frame.type === "empty" || frame.type === "data"; frame = await hear()) {
          // What did not come again, and nobody holds, is off its queue: the reply to its ack was lost.
          if (frame.type === "empty" && frame.leased === 0) await clean();
          if (frame.type === "empty" && !follow) return;
        }
        if (frame.type !== "deliver") throw new FilespoolError("frame-unexpected", `${frame.type} and no file`);
        const { delivery, size } = frame;
        held.add(delivery);
        try {
          nameOf(frame);
        } catch (error) {
          // It keeps its lease while this run lasts, so that it does not come again at once, and then
          // goes back for others. A start at its end lets the server go on with the next file.
          failures.push(known(error));
          if (size > server.pipelineBytesMax) await connection.send({ type: "start", delivery, offset: size });
          continue;
        }
        const isHere = await collect(frame).catch(async (error) => {
          // Content that is not what its digest says has cost an attempt, and is tried from zero.
          const nack = { type: "nack", delivery, counts: true, reason: "its content is damaged" } as const;
          if (known(error).code === "digest-mismatch") await connection.send(nack);
          throw error;
        });
        if (isHere) await connection.send({ type: "ack", delivery });
        let reply = frame as Awaited<ReturnType<typeof hear>>;
        while (isHere && reply.type !== "acked" && reply.type !== "refuse") reply = await hear();
        if (reply.type === "acked") await rm(markOf(frame), { force: true });
        if (reply.type === "acked") emit("acked", { transfer: frame.transfer });
        if (reply.type === "refuse" && reply.code !== "lease-lost") throw asError(reply);
        held.delete(delivery);
      }
    } finally {
      clearInterval(alive);
    }
  });
  await rmdir(ours).catch(() => {}); // it stays while there is something to go on with
  return failures;

  async function clean(): Promise<void> {
    for (const name of await readdir(ours)) if (name.endsWith(".landed")) await rm(join(ours, name));
  }
}
