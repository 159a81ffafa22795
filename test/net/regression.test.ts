/** One law for each thing that was wrong with the program that this one grew out of. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { content, fileSha256, sha256 } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { replaceFileMethod } from "../support/disk-faults.ts";
import { frameOf, idOf, listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Sends `bytes` as one file, collects it, and returns what landed. */
async function journey(work: Workspace, port: number, bytes: Uint8Array, bufferBytes = 256 * KiB): Promise<Buffer> {
  await work.send({ port, files: [work.write("file", bytes)], again: true, bufferBytes }).done;
  expect(await work.receive({ port, bufferBytes, ifExists: "overwrite" }).done).toMatchObject({ landed: 1 });
  return work.read("out", "file");
}

describe("content is bytes, never text", () => {
  test("characters of several bytes survive wherever reads cut them", async () => {
    const work = new Workspace();
    const { port } = await work.serve({ bufferBytes: 1 * KiB });
    // Every length of UTF-8 character, in an odd rhythm, so that each place in a character is cut somewhere.
    const text = Buffer.from("a\u00e9\u4e16\ud83d\ude00\ufeff\r\n".repeat(6000), "utf8");
    expect((await journey(work, port, text, 1 * KiB)).equals(text)).toBe(true);
    expect((await journey(work, port, text.subarray(0, 999), 1 * KiB)).equals(text.subarray(0, 999))).toBe(true);
  });

  test("every byte value survives, and so does what no encoding allows", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    const wild = [all, Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0x1a, 0x04, 0x00]), content(300 * KiB)];
    for (const bytes of wild) expect((await journey(work, port, bytes)).equals(bytes)).toBe(true);
  });

  test("the result does not depend on the buffer sizes", async () => {
    const work = new Workspace();
    const buffer = fc.integer({ min: 1 * KiB, max: 512 * KiB });
    await fc.assert(
      fc.asyncProperty(buffer, buffer, fc.integer({ min: 0, max: 700 * KiB }), async (here, there, size) => {
        const { port, stop } = await work.serve({ bufferBytes: there, spool: { bufferBytes: there } });
        const landed = await journey(work, port, content(size, size), here);
        await stop();
        expect(sha256(landed)).toBe(sha256(content(size, size)));
      }),
      { numRuns: 10 },
    );
  });
});

describe("a peer that closes in the middle never looks like success", () => {
  const offer = { type: "offer", queue: "default", name: "half", algorithm: "sha256" } as const;

  test.each([
    ["a small file", 20 * KiB, 10 * KiB, false],
    ["a large file", 300 * KiB, 200 * KiB, true],
    ["all bytes but no finish", 20 * KiB, 20 * KiB, false],
  ])("%s whose sender goes away is stored by nobody", async (_, size, sent, wait) => {
    const work = new Workspace();
    const { port, spool, events } = await work.serve();
    const sender = await RawPeer.connect(port);
    await sender.greet("sender");
    sender.send({ ...offer, transfer: idOf(1), size, wait }).sendData(0, content(sent));
    sender.socket.end();
    await events.waitFor("disconnected");
    expect(spool.waiting("default")).toBe(0);
    expect(await work.receive({ port }).done).toMatchObject({ landed: 0 });
  });

  test.each([
    ["a small file", 20 * KiB],
    ["a large file", 300 * KiB],
  ])("%s whose server goes away is landed by nobody", async (_, size) => {
    const work = new Workspace();
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send(WELCOME);
      await peer.until("want");
      const about = { transfer: idOf(1), queue: "default", name: "half", algorithm: "sha256", attempt: 1 };
      peer.send({ type: "deliver", delivery: "d-1", size, digest: sha256(content(size)), ...about });
      if (size > 64 * KiB) await peer.until("start");
      peer.sendData(0, content(size).subarray(0, size / 2));
      peer.socket.end();
    });
    const receiver = work.receive({ port, retryMs: 0 });
    await expect(receiver.done).rejects.toMatchObject({ code: "connection-lost" });
    expect(work.list().filter((name) => !name.startsWith("."))).toEqual([]);
    expect(receiver.events.all("landed")).toEqual([]);
  });
});

describe("a byte that changes on the way is noticed", () => {
  test.each(["up", "down"] as const)(
    "anywhere on the way %s, and the file arrives as it was all the same",
    async (direction) => {
      const work = new Workspace();
      const { port } = await work.serve({ bufferBytes: 16 * KiB });
      const bytes = content(600 * KiB);
      const files = [work.write("small", "small"), work.write("file", bytes)];
      await fc.assert(
        // Not before byte 2: what begins otherwise is no Filespool at all.
        fc.asyncProperty(fc.integer({ min: 2, max: 600 * KiB }), async (after) => {
          const fault = { direction, after, how: "flip" } as const;
          const proxy = await CuttingProxy.start(port, (number) => (number === 1 ? fault : null));
          const [sending, receiving] = direction === "up" ? [proxy.port, port] : [port, proxy.port];
          const sender = work.send({ port: sending, files, again: true, connectRetryMs: 9999 });
          expect(await sender.done).toMatchObject({ stored: 2, failures: [] });
          const receiver = work.receive({ port: receiving, ifExists: "overwrite", connectRetryMs: 9999 });
          expect(await receiver.done).toMatchObject({ landed: 2, failures: [] });
          expect(work.read("out", "small").toString()).toBe("small");
          expect(await fileSha256(work.path("out", "file"))).toBe(sha256(bytes));
        }),
        // In the first header and message, at the start of a later frame, in its checksum, in its payload.
        { numRuns: 8, examples: [[2], [200], [frameOf(WELCOME).length], [frameOf(WELCOME).length + 17], [300_000]] },
      );
    },
  );
});

test("a write that takes only some of the bytes is continued, by the server and by the receiver", async () => {
  const work = new Workspace();
  let shortWrites = 0;
  await replaceFileMethod(
    "writev",
    (writev) =>
      function (buffers: Uint8Array[], position: number) {
        const [first] = buffers as [Uint8Array];
        shortWrites++;
        return writev.call(this, [first.subarray(0, Math.ceil(first.length / 3))] as never, position as never);
      },
  );
  const { port } = await work.serve({ spool: { inlineBytesMax: 0 } });
  for (const bytes of [content(30 * KiB), content(2 * MiB)]) {
    expect((await journey(work, port, bytes)).equals(bytes)).toBe(true);
  }
  expect(shortWrites).toBeGreaterThan(4);
});

test("the queue survives the end of the server: what was stored before is delivered after, in order", async () => {
  const work = new Workspace();
  const sizes = [5, 0, 300 * KiB, 70];
  const first = await work.serve();
  const files = sizes.map((size) => work.write(`${size}`, content(size)));
  await work.send({ port: first.port, files }).done;
  await first.stop();
  const second = await work.serve();
  const receiver = work.receive({ port: second.port });
  expect(await receiver.done).toMatchObject({ landed: 4 });
  expect(receiver.events.all("landed").map(({ size }) => size)).toEqual(sizes);
  for (const size of sizes) expect(work.read("out", `${size}`).equals(content(size))).toBe(true);
});

test("the server serves many senders and receivers at a time, and goes on after each", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const queues = Array.from({ length: 8 }, (_, number) => `q${number}`);
  const all = queues.flatMap((queue, at) => {
    const files = [work.write(`${queue}-a`, content(at)), work.write(`${queue}-b`, content(100 * KiB + at))];
    const receiver = work.receive({ port, queue, count: 2, out: work.path(queue) });
    return [receiver.done, work.send({ port, queue, files }).done];
  });
  for (const summary of await Promise.all(all)) expect(summary.failures).toEqual([]);
  for (const [at, queue] of queues.entries()) {
    expect(work.list(queue)).toEqual([`${queue}-a`, `${queue}-b`]);
    expect(work.read(queue, `${queue}-b`).equals(content(100 * KiB + at))).toBe(true);
  }
  await work.send({ port, files: [work.write("later", "later")] }).done;
  expect(await work.receive({ port }).done).toMatchObject({ landed: 1 });
});

describe("a receiver does not touch its target before there is something verified to put there", () => {
  test("no server: what was in the folder is as it was", async () => {
    const work = new Workspace();
    const { port, stop } = await work.serve();
    await journey(work, port, Buffer.from("precious"));
    await stop();
    await expect(work.receive({ port, ifExists: "overwrite" }).done).rejects.toMatchObject({ code: "unreachable" });
    expect(work.list()).toEqual(["file"]);
    expect(work.read("out", "file").toString()).toBe("precious");
  });

  test("a server that fails half-way, or lies about the digest: the same", async () => {
    const work = new Workspace();
    const { port: honest, stop } = await work.serve();
    await journey(work, honest, Buffer.from("precious"));
    await stop();
    for (const [sent, code] of [
      [100 * KiB, "connection-lost"],
      [200 * KiB, "connection-lost"],
    ] as const) {
      const port = await listenRaw(async (peer) => {
        await peer.until("hello");
        peer.send(WELCOME);
        await peer.until("want");
        const about = { transfer: idOf(1), queue: "default", name: "file", algorithm: "sha256", attempt: 1 };
        peer.send({ type: "deliver", delivery: "d-1", size: 200 * KiB, digest: sha256(content(1)), ...about });
        await peer.until("start");
        peer.sendData(0, content(sent));
        if (sent === 200 * KiB) expect(await peer.until("nack")).toMatchObject({ delivery: "d-1", counts: true });
        peer.socket.end();
      });
      await expect(work.receive({ port, ifExists: "overwrite", retryMs: 0 }).done).rejects.toMatchObject({ code });
      expect(work.read("out", "file").toString()).toBe("precious");
    }
  });
});

test("a sender and a receiver in the same folder do not destroy the file between them", async () => {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const path = work.write("file", "the only copy");
  await work.send({ port, files: [path] }).done;
  const receiver = work.receive({ port, out: work.path("in") });
  expect(await receiver.done).toMatchObject({ landed: 0, failures: [{ code: "file-exists" }] });
  expect([work.read("in", "file").toString(), work.list("in")]).toEqual(["the only copy", ["file"]]);
  expect(spool.waiting("default")).toBe(1);
  await work.receive({ port, out: work.path("in"), ifExists: "rename" }).done;
  expect([work.read("in", "file (1)").toString(), work.list("in")]).toEqual(["the only copy", ["file", "file (1)"]]);
});
