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
 * that ends in .landed, says that it has landed: it is acked, and does not land twice. The mark
 * goes when the server has confirmed the ack. All of these names are in a hidden folder beside.
 *
 * Invariant: a name that others see in the folder belongs to a whole file.
 *
 * Left out, and where the full program has it:
 *   overwrite, skip, refuse           src/net/receiver/landing.ts           adr/0016
 *   many files for one sync           src/net/receiver/small-file.ts        adr/0033
 *   folders unpacked (here: x.tar)    src/net/extensions/folder/            adr/0041
 *   modes and times of files          src/net/receiver/file-attributes.ts   adr/0098
 *   commands for landed files         src/net/extensions/hook/              adr/0051
 *   other users, other receivers      src/net/receiver/own-files.ts         adr/0082
 *   files deleted between 2 and 4     src/net/receiver/landing-journal.ts   adr/0016
 *   disks without hard links (FAT)    src/net/receiver/final-name.ts        adr/0084
 *
 * It refuses to know of sockets. In the full program: src/net/receiver/. Read next: main.ts.
 */
import { link, mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { checkDigest, digestOf } from "../src/disk/digest.ts";
import { asError, checkChunk, FilespoolError, type MessageOf, numbered, safeName } from "../src/protocol/index.ts";
import { type ClientOptions, converse } from "./client.ts";
import { type GrowingFile, openGrowingFile, syncFolder, understood, unless } from "./growing-file.ts";
type Deliver = MessageOf<"deliver">;
/** `origin` names server and queue: the marks of one say nothing about another. */
export type ReceiveOptions = ClientOptions & { output: string; origin: string; follow: boolean };
/**
 * Under which name a file may land.
 * @throws FilespoolError name-refused, kind-unsupported, digest-unsupported
 */
async function nameOf({ name, kind = "file", algorithm }: Deliver): Promise<string> {
  checkDigest(algorithm);
  if (kind !== "file" && kind !== "tar") throw new FilespoolError("kind-unsupported", `cannot land a ${kind}`);
  // A server may be hostile, so its names are. What begins with a dot may be something that this
  // machine obeys.
  const safe = safeName(kind === "tar" ? `${name}.tar` : name);
  return safe.startsWith(".") ? `_${safe}` : safe;
}
/**
 * Collects until the queue is empty, or for ever.
 * @returns an error for each file that may not land
 */
export async function receive(options: ReceiveOptions): Promise<FilespoolError[]> {
  const output = resolve(options.output);
  const ours = join(output, `.filespool-${digestOf("sha256", Buffer.from(options.origin)).slice(0, 8)}`);
  const failures: FilespoolError[] = [];
  await mkdir(ours, { recursive: true }).then(() => syncFolder(dirname(output))); // it may be new
  await converse("receiver", options, async (connection, server, emit) => {
    /**
     * Deliveries without a verdict. They keep their leases, also while a slow disk takes its time.
     */
    const held = new Set<string>();
    const renew = (delivery: string) => void connection.send({ type: "working", delivery }).catch(() => {});
    const alive = setInterval(() => held.forEach(renew), server.leaseMs / 3);
    /** The next file; null when nothing is waiting, and this run does not wait, either. */
    const nextFile = async (): Promise<Deliver | null> => {
      await connection.send({ type: "want", files: 1 });
      for (;;) {
        const frame = await connection.hear();
        if (frame.type === "deliver") return frame;
        // Data is the rest of a small file that was not wanted.
        if (frame.type !== "data" && frame.type !== "empty") throw new FilespoolError("frame-unexpected");
        // What does not come again, and nobody holds, is off its queue: only the reply to an ack
        // was lost.
        const marks = frame.type === "empty" && frame.leased === 0 ? await readdir(ours) : [];
        for (const name of marks) if (name.endsWith(".landed")) await rm(join(ours, name));
        if (frame.type === "empty" && !options.follow) return null;
      }
    };
    /**
     * Step 1: the content, from the byte on that is missing. False means that the server took the
     * delivery back, for whatever reason.
     */
    const fetch = async ({ delivery, size, digest }: Deliver, part: GrowingFile): Promise<boolean> => {
      // region: fetch
      // The content of a small file is on its way already. A large one is sent from where we say.
      if (size > server.pipelineBytesMax) await connection.send({ type: "start", delivery, offset: part.next });
      while (part.next < size) {
        const frame = await connection.hear();
        if (frame.type === "withdraw") return false;
        if (frame.type !== "data") throw new FilespoolError("frame-unexpected");
        checkChunk(frame.offset, frame.length, size);
        await part.append(frame);
      }
      await part.finish(digest, size);
      return true;
      // endregion: fetch
    };
    /** All five steps for one file, or what is left of them. */
    const collect = async (file: Deliver, name: string): Promise<void> => {
      const { delivery, transfer, size, algorithm } = file;
      const [part, mark] = [join(ours, `${transfer}.part`), join(ours, `${transfer}.landed`)];
      // region: names
      const namesOf = async (path: string) => (await stat(path).catch(unless("ENOENT", null)))?.nlink ?? 0;
      // endregion: names
      if (!(await namesOf(mark))) {
        let path = "";
        // region: land
        if ((await namesOf(part)) < 2) {
          const growing = await openGrowingFile(part, size, algorithm);
          if (!(await fetch(file, growing).finally(growing.close))) return;
          path = join(output, name);
          const isTaken = () => link(part, path).then(() => false, unless("EEXIST", true));
          for (let number = 1; await isTaken(); number++) path = join(output, numbered(name, number));
        }
        await syncFolder(output);
        await rename(part, mark);
        // endregion: land
        if (path) emit("landed", { ...file, path });
      }
      await connection.send({ type: "ack", delivery });
      let reply = await connection.hear();
      while (reply.type === "data") reply = await connection.hear(); // of a small one that had landed
      if (reply.type === "acked") await rm(mark, { force: true });
      else if (reply.type !== "refuse" || reply.code !== "lease-lost") throw asError(reply as never);
    };
    try {
      for (let file = await nextFile(); file; file = await nextFile()) {
        const { delivery, size } = file;
        held.add(delivery);
        const name = await nameOf(file).catch((error) => void failures.push(understood(error)));
        if (name) await collect(file, name);
        if (name) held.delete(delivery);
        // What may not land here keeps its lease while this run lasts, or it would come again at
        // once; then it goes back, for others. A start at its end lets the server go on with the
        // next file.
        else if (size > server.pipelineBytesMax) await connection.send({ type: "start", delivery, offset: size });
      }
    } finally {
      clearInterval(alive);
    }
  });
  await rmdir(ours).catch(() => {}); // it stays while there is something to go on with
  return failures;
}
