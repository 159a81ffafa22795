/**
 * The sender: offers files, sends what the server lacks, and believes only `stored`.
 *
 * The id of a transfer is derived from what identifies the file on this machine. So the same
 * command after a kill -9 offers the same transfer and continues it, with nothing remembered on
 * disk; and a file that was edited meanwhile is another transfer.
 *
 * One file after the other. A small one leaves in one go: offer, content and finish, with no answer
 * in between. A large one asks first, and is sent from the byte that the server lacks. The rules
 * for who may say what when are in the table UPLOAD_SENDER. This file does not use the table: with
 * one file at a time, the order of the lines below is the order of its rows.
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
import { asError, FilespoolError, LIMITS, type MessageOf } from "../src/protocol/index.ts";
import { type ClientOptions, converse } from "./client.ts";
import { understood } from "./growing-file.ts";

/**
 * Content of one data frame. A frame counts when it is whole, so longer ones cost more at a cut.
 */
const CHUNK_BYTES = 256 * 1024;
/** What a server says about one file. */
type Answer = MessageOf<"accept"> | MessageOf<"stored"> | MessageOf<"refuse">;
/** Which content a file has, as far as a file system can tell without reading it. */
const identityOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats) => [ino, size, mtimeNs, ctimeNs].join(" ");
/** Sends files, in their order. @returns an error for each that was not stored */
export async function send(options: ClientOptions, paths: readonly string[]): Promise<FilespoolError[]> {
  // These outlive a connection. All else is found out anew on the next one.
  const left = [...paths];
  const failures: FilespoolError[] = [];
  await converse("sender", options, async (connection, server, emit) => {
    // Any digest will do that both ends know. The server names first the one that it likes best.
    const algorithm = server.digests.find((digest) => DIGESTS.includes(digest)) ?? "";
    /** The next answer about a file. How much of it is durable by now is only told. */
    const hear = async (file: { readonly transfer: string }): Promise<Answer> => {
      for (;;) {
        const answer = await connection.hear();
        if (answer.type !== "progress") return answer as Answer;
        emit("progress", { ...file, offset: answer.offset });
      }
    };
    /** Sends one file. @throws FilespoolError why it is not stored */
    const sendOne = async (path: string): Promise<void> => {
      // One open file for all of it: what has this path later may be another file.
      const handle = await open(path);
      let file = { transfer: "", queue: options.queue, name: basename(path), size: 0 };
      /** The last word on this file, once it is here. */
      const said: Answer[] = [];
      try {
        const status = await handle.stat({ bigint: true });
        if (!status.isFile()) throw new FilespoolError("file-unreadable", `${path} is no file; send a folder as a tar`);
        const origin = JSON.stringify([hostname(), resolve(path), options.queue, identityOf(status)]);
        file = { ...file, transfer: digestOf("sha256", Buffer.from(origin)).slice(0, 32), size: Number(status.size) };
        // A small file is on its way before the server has answered, and costs no round trip.
        // region: ask
        const wait = file.size > server.pipelineBytesMax;
        // endregion: ask
        const digest = createDigest(algorithm);
        await connection.send({ type: "offer", ...file, algorithm, wait });
        const answer = wait ? await hear(file) : null;
        const from = answer?.type === "accept" ? answer.offset : 0;
        if (from > 0) emit("resumed", { ...file, offset: from });
        if (answer && answer.type !== "accept") said.push(answer);
        // The verdict is listened for while we send. It may be a refusal, and then the rest stays
        // here. And somebody has to read: if both ends only sent, each of them would wait for the
        // other for ever.
        const hearing = said[0] ? null : hear(file).then((verdict) => said.push(verdict));
        hearing?.catch(() => {}); // it is looked at below
        // All of the file is read, for the digest. What is sent is what the server lacks, which may
        // be nothing. A file that gives more than it promised is a log that grows, or of /proc.
        // region: send
        const chunk = Buffer.alloc(Math.max(LIMITS.bufferBytesMin, Math.min(CHUNK_BYTES, server.dataBytesMax)));
        for (let at = 0, bytes = -1; bytes !== 0; at += bytes) {
          bytes = (await handle.read(chunk, 0, chunk.length, at)).bytesRead;
          if (at + bytes > file.size) throw new FilespoolError("file-changed", `${path} grew while it was sent`);
          digest.update(chunk.subarray(0, bytes));
          if (!said[0] && bytes > 0 && at + bytes > from) await connection.sendData(at, chunk.subarray(0, bytes));
        }
        // endregion: send
        // Half an old file and half a new one is no file at all, and its sender must not be told
        // "stored".
        if (identityOf(await handle.stat({ bigint: true })) !== identityOf(status))
          throw new FilespoolError("file-changed", `${path} changed while it was sent; send it again`);
        const hex = digest.hex();
        if (!said[0]) await connection.send({ type: "finish", transfer: file.transfer, digest: hex });
        await hearing;
        if (said[0]?.type === "refuse") throw asError(said[0]);
        // An id that was derived may be met twice, on a disk that keeps coarse times. Only the
        // digest proves that the server has this content.
        if (said[0]?.type !== "stored" || said[0].digest !== hex)
          throw new FilespoolError("transfer-conflict", `the server has another content for ${path}; send a copy`);
        emit("stored", { ...file, digest: hex });
      } catch (error) {
        const failed = understood(error);
        // If the file is at fault, it is given up. After a cut it is not, so that the server keeps
        // what it has.
        const isGivenUp = failed.kind === "local" && file.transfer !== "" && !said[0];
        if (!isGivenUp) throw failed;
        await connection.send({ type: "cancel", transfer: file.transfer });
        // An answer about it may still come, and somebody waits for that. So the other files get a
        // connection of their own, on which every answer is about the file in hand. A file that is
        // settled, in whichever way, is progress: the next attempt comes without a long pause.
        failures.push(failed);
        emit("failed", file);
        left.shift();
        throw new FilespoolError("connection-lost", failed.message);
      } finally {
        await handle.close();
      }
    };
    for (let path = left[0]; path !== undefined; path = left[0]) {
      const failed = await sendOne(path).then(() => null, understood);
      // What may pass, or broke the protocol, ends this connection. A file that failed fails alone.
      if (failed && (failed.retry || failed.kind === "integrity")) throw failed;
      if (failed) failures.push(failed);
      left.shift();
    }
  });
  return failures;
}
