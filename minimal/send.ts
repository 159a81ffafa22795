/**
 * The sender: offers files, sends what the server lacks, and believes only `stored`.
 *
 * The id of a transfer is derived from what identifies the file on this machine. So the same command
 * after a kill -9 offers the same transfer and continues it, with nothing remembered on disk; and a
 * file that was edited meanwhile is another transfer.
 *
 * One file after the other. A small one leaves in one go: offer, content and finish, with no answer
 * in between. A large one asks first, and is sent from the byte that the server lacks.
 *
 * Invariant: a file is settled by an answer to it, or by an error that no other try can mend.
 * Whatever is not settled when a connection ends is offered again on the next one.
 *
 * Left out, and where the full program has it:
 *   many small files under way        src/net/sender/send-window.ts         adr/0018
 *   streams, sent while they grow     src/net/extensions/stream/            adr/0040
 *   folders                           src/net/extensions/folder/            adr/0041
 *   a secret key in the ids           src/net/sender/file-source.ts         adr/0011
 *   modes and times of files          src/net/receiver/file-attributes.ts   adr/0098
 *   disks that keep coarse times      src/net/sender/file-identity.ts       adr/0090
 *
 * It refuses to know of sockets. In the full program: src/net/sender/. Read next: receive.ts.
 */
import { type FileHandle, open } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, resolve } from "node:path";
import { createDigest, DIGESTS, digestOf } from "../src/disk/digest.ts";
import { asError, FilespoolError, type MessageOf } from "../src/protocol/index.ts";
import { type ClientOptions, converse } from "./client.ts";
import { diskError } from "./growing-file.ts";

const CHUNK_BYTES = 256 * 1024;
type Answer = MessageOf<"accept"> | MessageOf<"stored"> | MessageOf<"refuse">;

/** Which content a file has, as far as the file system can tell without reading it. */
async function identityOf(handle: FileHandle): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join(" ");
}

/** Sends files, in their order. @returns an error for each that was not stored */
export async function send(options: ClientOptions, paths: readonly string[]): Promise<FilespoolError[]> {
  const { queue } = options;
  const left = [...paths];
  const failures: FilespoolError[] = [];
  await converse("sender", options, async (connection, server, emit) => {
    // Any digest will do that both ends know. The server names first the one that it likes best.
    const algorithm = server.digests.find((digest) => DIGESTS.includes(digest)) ?? "";

    /** The next answer about a file. How much of it is durable by now is only told. */
    const hear = async (file: { readonly transfer: string }): Promise<Answer> => {
      for (;;) {
        const { value: answer } = await connection.frames.next();
        if (!answer) throw new FilespoolError("connection-lost", "the server ended the connection");
        const { transfer, about } = answer as { transfer?: string; about?: string };
        // An answer about an earlier file has crossed our cancel of that file on the wire.
        if ((transfer ?? about) !== file.transfer) continue;
        if (answer.type !== "progress") return answer as Answer;
        emit("progress", { ...file, offset: answer.offset });
      }
    };

    /** Sends one file. @returns why it is not stored, or null @throws what ends the connection */
    const sendOne = async (path: string, handle: FileHandle): Promise<FilespoolError | null> => {
      const identity = await identityOf(handle);
      const { size } = await handle.stat();
      const origin = JSON.stringify([hostname(), resolve(path), queue, identity]);
      const transfer = digestOf("sha256", new TextEncoder().encode(origin)).slice(0, 32);
      const file = { transfer, queue, name: basename(path), size };
      // region: ask
      const wait = size > server.pipelineBytesMax;
      // endregion: ask
      await connection.send({ type: "offer", ...file, algorithm, wait });
      const answer = wait ? await hear(file) : null;
      const from = answer?.type === "accept" ? answer.offset : 0;
      if (from > 0) emit("resumed", { ...file, offset: from });

      // The verdict is listened for while we send. It may be a refusal, and then the rest is not sent;
      // and if both ends only sent, and nobody read, they would wait for each other for ever.
      let isOver = answer !== null && answer.type !== "accept";
      const over = () => {
        isOver = true;
      };
      const verdict = isOver ? Promise.resolve(answer) : hear(file).finally(over);
      verdict.catch(() => {}); // it is looked at below
      // All of the file is read, for the digest. What is sent is what the server lacks.
      const digest = createDigest(algorithm);
      // region: send
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (let at = 0, bytes = -1; bytes !== 0; at += bytes) {
        bytes = (await handle.read(chunk, 0, CHUNK_BYTES, at)).bytesRead;
        const piece = chunk.subarray(0, bytes);
        digest.update(piece);
        if (!isOver && bytes > 0 && at + bytes > from) await connection.sendData(at, piece);
      }
      // endregion: send
      if ((await identityOf(handle)) !== identity) {
        if (!isOver) await connection.send({ type: "cancel", transfer });
        return new FilespoolError("file-changed", `${path} changed while it was sent; send it again`);
      }
      const hex = digest.hex();
      if (!isOver) await connection.send({ type: "finish", transfer, digest: hex });
      const said = await verdict;
      if (said?.type === "refuse") return asError(said);
      // An id that was derived may be met twice. Only the digest proves that the server has this content.
      if (said?.type !== "stored" || said.digest !== hex)
        return new FilespoolError("transfer-conflict", `the server has another content for ${path}; send a copy of it`);
      emit("stored", { ...file, digest: hex });
      return null;
    };

    for (let path = left[0]; path !== undefined; path = left[0]) {
      const handle = await open(path).catch(diskError(path, "file-unreadable"));
      const failed = await sendOne(path, handle).finally(() => handle.close());
      if (failed?.retry) throw failed; // it may pass, so the file is offered again on the next connection
      if (failed) failures.push(failed);
      left.shift();
    }
  });
  return failures;
}
