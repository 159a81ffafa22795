/** Page 8: a small file costs no round trip, and a large one asks first. Counts, because a timer proves little. */
import { join } from "node:path";
import { LIMITS } from "../../../src/protocol/index.ts";
import { Disk } from "../world/disk.ts";
import { Peer } from "../world/peer.ts";
import * as spool from "../world/spool.ts";
import { line } from "../world/wire.ts";
import { broken, expect, type Laws, type Load } from "./law.ts";

export async function laws(load: Load): Promise<Laws> {
  const [{ send }, queues] = [await load("send"), await load("queues")];

  /** What a sender says of one file before it has heard anything about it: "offer data finish". */
  async function saidAtOnce(size: number, pipelineBytesMax?: number): Promise<string> {
    const disk = new Disk();
    disk.put("file.bin", Buffer.alloc(size, "s"));
    const [client, server] = line();
    const peer = new Peer(server);
    const lines = [client];
    const dial = async () => lines.shift() ?? Promise.reject(new Error("over"));
    const sending = send({ dial, emit: () => {}, queue: "default" }, [join(disk.root, "file.bin")]);
    sending.catch(() => {});
    await peer.welcome(pipelineBytesMax === undefined ? {} : { pipelineBytesMax });
    const words = (await peer.rest()).map(({ type }) => type);
    peer.wire.break();
    await sending.catch(() => {});
    return [...new Set(words)].join(" ");
  }

  return {
    "a small file leaves in one go: no answer is waited for": async () => {
      for (const size of [1, 1000, LIMITS.pipelineBytesMax]) {
        const said = await saidAtOnce(size);
        expect(said === "offer data finish", `of a file of ${size} bytes it said "${said}", and then it waited`);
      }
    },

    "a large file asks first, because the server may have most of it": async () => {
      const said = await saidAtOnce(LIMITS.pipelineBytesMax + 1);
      expect(said === "offer", `of a file of ${LIMITS.pipelineBytesMax + 1} bytes it said "${said}" without an answer`);
    },

    "what is small is for the server to say": async () => {
      const said = await saidAtOnce(10, 0);
      expect(said === "offer", `the server takes nothing unasked, and of a file of 10 bytes it said "${said}"`);
    },

    "each file is synced five times, and not more often": async () => {
      const disk = new Disk();
      const opened = await spool.openQueues(queues, disk);
      const before = disk.syncs;
      for (let number = 1; number <= 20; number++) await spool.store(opened, number);
      const each = (disk.syncs - before) / 20;
      if (each > 5) broken(`it takes ${each} syncs to store a file: content and its folder, record, and two folders`);
    },
  };
}
