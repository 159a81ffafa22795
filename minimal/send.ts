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
import type { BigIntStats } from "node:fs";
import { open } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, resolve } from "node:path";
import { createDigest, DIGESTS, digestOf } from "../src/disk/digest.ts";
import { asError, FilespoolError, type MessageOf } from "../src/protocol/index.ts";
import { type ClientOptions, converse } from "./client.ts";
import { understood } from "./growing-file.ts";

/** Content of one data frame. */
const CHUNK_BYTES = 256 * 1024;
type Answer = MessageOf<"accept"> | MessageOf<"stored"> | MessageOf<"refuse">;

/** Which content a file has, as far as a file system can tell without reading it. */
const identityOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats) => [ino, size, mtimeNs, ctimeNs].join(" ");

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

    /** Sends one file. @returns why it is not stored, or null @throws what is about the connection */
    const sendOne = async (path: string): Promise<FilespoolError | null> => {
      const handle = await open(path);
      let file = { transfer: "", queue, name: basename(path), size: 0 };
      /** The last word on this file, once it is here. */
      const said: Answer[] = [];
      try {
        const status = await handle.stat({ bigint: true });
        const advice = `of a folder, send an archive: tar -c ${path} | npm run minimal -- send -`;
        if (!status.isFile()) throw new FilespoolError("file-unreadable", `${path} is not a file; ${advice}`);
        const origin = JSON.stringify([hostname(), resolve(path), queue, identityOf(status)]);
        file = { ...file, transfer: digestOf("sha256", Buffer.from(origin)).slice(0, 32), size: Number(status.size) };
        const wait = file.size > server.pipelineBytesMax;
        await connection.send({ type: "offer", ...file, algorithm, wait });
        const answer = wait ? await hear(file) : null;
        const from = answer?.type === "accept" ? answer.offset : 0;
        if (from > 0) emit("resumed", { ...file, offset: from });
        if (answer && answer.type !== "accept") said.push(answer);

        // The verdict is listened for while we send: it may be a refusal, and then the rest stays here.
        // And if both ends only sent, and nobody read, they would wait for each other for ever.
        const hearing = said[0] ? null : hear(file).then((verdict) => said.push(verdict));
        hearing?.catch(() => {}); // it is looked at below
        // All of the file is read, for the digest. What is sent is what the server lacks.
        const digest = createDigest(algorithm);
        const chunk = Buffer.alloc(CHUNK_BYTES);
        for (let at = 0, bytes = -1; bytes !== 0; at += bytes) {
          bytes = (await handle.read(chunk, 0, CHUNK_BYTES, at)).bytesRead;
          digest.update(chunk.subarray(0, bytes));
          if (!said[0] && bytes > 0 && at + bytes > from) await connection.sendData(at, chunk.subarray(0, bytes));
        }
        if (identityOf(await handle.stat({ bigint: true })) !== identityOf(status))
          throw new FilespoolError("file-changed", `${path} changed while it was sent; send it again`);
        const hex = digest.hex();
        if (!said[0]) await connection.send({ type: "finish", transfer: file.transfer, digest: hex });
        await hearing;
        const [verdict] = said;
        if (verdict?.type === "refuse") return asError(verdict);
        // An id that was derived may be met twice. Only the digest proves that the server has this content.
        if (verdict?.type !== "stored" || verdict.digest !== hex)
          return new FilespoolError("transfer-conflict", `the server has another content for ${path}; send a copy`);
        emit("stored", { ...file, digest: hex });
        return null;
      } finally {
        // A file that was offered and has no verdict is given up, so that the next one can be offered.
        if (file.transfer && !said[0])
          await connection.send({ type: "cancel", transfer: file.transfer }).catch(() => {});
        await handle.close();
      }
    };

    for (let path = left[0]; path !== undefined; path = left[0]) {
      const failed = await sendOne(path).catch(understood);
      // What may pass, or broke the protocol, ends this connection. A file that failed fails alone.
      if (failed && (failed.retry || failed.kind === "integrity")) throw failed;
      if (failed) failures.push(failed);
      left.shift();
    }
  });
  return failures;
}
