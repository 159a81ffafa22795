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
import { join, resolve } from "node:path";
import { checkDigest, digestOf } from "../src/disk/digest.ts";
import { asError, checkChunk, FilespoolError, type MessageOf, numbered, safeName } from "../src/protocol/index.ts";
import { type ClientOptions, converse } from "./client.ts";
import { openGrowingFile, syncFolder, understood, unlessCode } from "./growing-file.ts";

type Deliver = MessageOf<"deliver">;
/** `origin` names server and queue: the marks of one say nothing about another. */
export type ReceiveOptions = ClientOptions & { output: string; origin: string; follow: boolean };

/** Files that may not land here. After so many nothing else is asked for, since the rest may be like them. */
const HELD_MAX = 100;

/** Under which name a file may land. @throws FilespoolError name-refused, kind-unsupported, digest-unsupported */
async function nameOf({ name, kind = "file", algorithm }: Deliver): Promise<string> {
  checkDigest(algorithm);
  if (kind !== "file" && kind !== "tar") throw new FilespoolError("kind-unsupported", `cannot land a ${kind}`);
  const safe = safeName(kind === "tar" ? `${name}.tar` : name);
  // What begins with a dot may be something that this machine obeys.
  return safe.startsWith(".") ? `_${safe}` : safe;
}

/** Collects until the queue is empty, or for ever. @returns an error for each file that may not land */
export async function receive(options: ReceiveOptions): Promise<FilespoolError[]> {
  const output = resolve(options.output);
  const ours = join(output, `.filespool-${digestOf("sha256", Buffer.from(options.origin)).slice(0, 8)}`);
  const failures: FilespoolError[] = [];
  await mkdir(ours, { recursive: true });
  await converse("receiver", options, async (connection, server, emit) => {
    /** Deliveries without a verdict. They keep their leases, also while a slow disk takes its time. */
    const held = new Set<string>();
    const renew = (delivery: string) => void connection.send({ type: "working", delivery }).catch(() => {});
    const alive = setInterval(() => held.forEach(renew), server.leaseMs / 3);

    const hear = async () => {
      const { value: frame } = await connection.frames.next();
      if (!frame) throw new FilespoolError("connection-lost", "the server ended the connection");
      return frame;
    };

    /** The next file; null when nothing is waiting, and this run does not wait, either. */
    const nextFile = async (): Promise<Deliver | null> => {
      await connection.send({ type: "want", files: 1 });
      for (;;) {
        const frame = await hear();
        if (frame.type === "deliver") return frame;
        // Data is the rest of a small file that was not wanted.
        if (frame.type !== "data" && frame.type !== "empty") throw new FilespoolError("frame-unexpected");
        // What does not come again, and nobody holds, is off its queue: only the reply to an ack was lost.
        const marks = frame.type === "empty" && frame.leased === 0 ? await readdir(ours) : [];
        for (const name of marks) if (name.endsWith(".landed")) await rm(join(ours, name));
        if (frame.type === "empty" && !options.follow) return null;
      }
    };

    /** Step 1: the content, from the byte on that is missing. False: the server took the delivery back. */
    const fetch = async ({ delivery, size, algorithm, digest }: Deliver, path: string): Promise<boolean> => {
      const part = await openGrowingFile(path, size, algorithm);
      try {
        // The content of a small file is on its way already. A large one is sent from where we say.
        if (size > server.pipelineBytesMax) await connection.send({ type: "start", delivery, offset: part.next });
        while (part.next < size) {
          const frame = await hear();
          if (frame.type === "withdraw") return false;
          if (frame.type !== "data") throw new FilespoolError("frame-unexpected");
          checkChunk(frame.offset, frame.length, size);
          await part.append(frame);
        }
        await part.finish(digest, size);
        return true;
      } finally {
        await part.close();
      }
    };

    /** All five steps for one file. */
    const collect = async (file: Deliver, name: string): Promise<void> => {
      const { delivery, transfer, queue, size } = file;
      const [part, mark] = [join(ours, `${transfer}.part`), join(ours, `${transfer}.landed`)];
      const namesOf = async (path: string) => (await stat(path).catch(unlessCode("ENOENT", null)))?.nlink ?? 0;
      if ((await namesOf(mark)) === 0) {
        let path = join(output, name);
        if ((await namesOf(part)) < 2) {
          if (!(await fetch(file, part))) return;
          const isTaken = () => link(part, path).then(() => false, unlessCode("EEXIST", true));
          for (let number = 1; await isTaken(); number++) path = join(output, numbered(name, number));
        }
        await syncFolder(output);
        await rename(part, mark);
        emit("landed", { transfer, queue, name: file.name, size, path });
      }
      await connection.send({ type: "ack", delivery });
      let reply = await hear();
      while (reply.type === "data") reply = await hear(); // of a small file that had landed before
      if (reply.type === "acked") await rm(mark, { force: true });
      if (reply.type === "acked") emit("acked", { transfer });
      else if (reply.type !== "refuse" || reply.code !== "lease-lost") throw asError(reply as never);
    };

    try {
      for (let file = await nextFile(); file && held.size < HELD_MAX; file = await nextFile()) {
        const { delivery, size } = file;
        held.add(delivery);
        const name = await nameOf(file).catch((error) => void failures.push(understood(error)));
        if (name) await collect(file, name);
        if (name) held.delete(delivery);
        // What may not land here keeps its lease while this run lasts, or it would come again at once; then
        // it goes back, for others. A start at its end lets the server go on with the next file.
        else if (size > server.pipelineBytesMax) await connection.send({ type: "start", delivery, offset: size });
      }
    } finally {
      clearInterval(alive);
    }
  });
  await rmdir(ours).catch(() => {}); // it stays while there is something to go on with
  return failures;
}
