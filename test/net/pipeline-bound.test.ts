/** A server says in its welcome which files it sends at once. Others may have another number than ours. */
import { expect, test } from "vitest";
import { content, sha256 } from "../support/content.ts";
import { idOf, listenRaw, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

test.each([
  [0, 1000],
  [1_000_000, 200_000],
])(
  "with a server that sends up to %i bytes at once, a file of %i bytes is collected",
  async (pipelineBytesMax, size) => {
    const bytes = content(size);
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send({ ...WELCOME, pipelineBytesMax });
      await peer.until("want");
      const about = { delivery: "d-1", transfer: idOf(1), queue: "default", name: "file", size, attempt: 1 };
      peer.send({ type: "deliver", ...about, algorithm: "sha256", digest: sha256(bytes) });
      if (size > pipelineBytesMax) expect(await peer.until("start")).toMatchObject({ delivery: "d-1", offset: 0 });
      for (let at = 0; at < size; at += 50_000) peer.sendData(at, bytes.subarray(at, at + 50_000));
      await peer.until("ack");
      peer.send({ type: "acked", delivery: "d-1" }, { type: "empty", leased: 0 });
      await peer.until("bye");
      peer.socket.end();
    });
    const work = new Workspace();
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1, failures: [] });
    expect(sha256(work.read("out", "file"))).toBe(sha256(bytes));
  },
);
