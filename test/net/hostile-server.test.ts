/** A server that means harm to whoever sends to it or receives from it: what it says is wrong, absurd or without end. */
import { statSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import type { StreamSource } from "../../src/net/options.ts";
import { ERRORS, type ErrorCode } from "../../src/protocol/errors.ts";
import type { Message, MessageOf } from "../../src/protocol/messages.ts";
import { content, sha256 } from "../support/content.ts";
import { serveLies } from "../support/hostile-server.ts";
import { usedBytes } from "../support/memory.ts";
import { frameOf, idOf, listenRaw, type RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** How a run ends: what it sums up, or the code of its error, which must be one of ours and no bug. */
async function endOf(done: Promise<{ failures: readonly { code: ErrorCode }[] }>): Promise<string> {
  const code = await done.then(
    ({ failures }) => failures[0]?.code ?? "done",
    (error: { code: ErrorCode }) => error.code,
  );
  if (code !== "done") expect(ERRORS[code as ErrorCode]?.kind, code).not.toBe("bug");
  return code;
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (let number = 0; ; number++) yield content(64 * KiB, number);
}
const STREAM: StreamSource = { name: "s", stream: { [Symbol.asyncIterator]: endless } };

/** A server that takes one offer, and then does what it likes. */
const taking = (script: (peer: RawPeer, transfer: string) => Promise<void> | void) =>
  listenRaw(async (peer) => {
    await peer.until("hello");
    const { transfer } = await peer.send(WELCOME).until("offer");
    await script(peer, transfer);
  });

describe("a sender ends, whatever a server says of", () => {
  const files = (work: Workspace) => [work.write("small", "small"), work.write("large", content(MiB))];
  /** Answers each offer, or what follows it, by `answer`, on as many connections as the sender makes. */
  async function answering(answer: (transfer: string, type: string) => Message[]) {
    const seen = { connections: 0 };
    const port = await listenRaw(async (peer) => {
      seen.connections++;
      await peer.until("hello");
      peer.send(WELCOME);
      for (let frame = await peer.next(); frame; frame = await peer.next())
        if ("transfer" in frame && frame.transfer) peer.send(...answer(frame.transfer, frame.type));
    });
    return { port, seen };
  }

  test("the digest of a file: that it is wrong each time", async () => {
    const work = new Workspace();
    const { port, seen } = await answering((transfer, type) => {
      if (type === "offer") return [{ type: "accept", transfer, offset: 0 }];
      return [{ type: "refuse", about: transfer, code: "digest-mismatch", message: "no" }];
    });
    const { failures } = await work.send({ port, files: files(work).slice(1), retryMs: 20_000 }).done;
    expect(failures.map(({ code }) => code)).toEqual(["digest-mismatch"]);
    expect(seen.connections).toBe(3);
  });

  test("what it knows: that it has every file, each time with another digest", async () => {
    const work = new Workspace();
    const other = sha256(Buffer.from("other"));
    const { port } = await answering((transfer, type) =>
      type === "offer" ? [{ type: "stored", transfer, digest: other, repeated: true, collected: false }] : [],
    );
    const { stored, repeated, failures } = await work.send({ port, files: files(work) }).done;
    expect([stored, repeated, failures.map(({ code }) => code)]).toEqual([
      0,
      0,
      ["digest-mismatch", "digest-mismatch"],
    ]);
  });
});

describe("a sender is not led astray by", () => {
  const beyond = 2 ** 50;
  test.each<[string, (transfer: string) => Message[], string]>([
    [
      "a stream wanted from where it was never sent",
      (transfer) => [{ type: "accept", transfer, offset: 1 }],
      "file-unreadable",
    ],
    [
      "a stream wanted from beyond everything",
      (transfer) => [{ type: "accept", transfer, offset: beyond }],
      "file-unreadable",
    ],
    [
      "a report of more of a stream than was sent",
      (transfer) => [
        { type: "accept", transfer, offset: 0 },
        { type: "progress", transfer, offset: beyond },
      ],
      "offset-gap",
    ],
    [
      "two places to begin at",
      (transfer) => [
        { type: "accept", transfer, offset: 0 },
        { type: "accept", transfer, offset: 0 },
      ],
      "frame-unexpected",
    ],
    ["a report before the start", (transfer) => [{ type: "progress", transfer, offset: 1 }], "offset-gap"],
    ["an answer for receivers", () => [{ type: "acked", delivery: "x" }], "frame-unexpected"],
    ["a second welcome", () => [WELCOME], "frame-unexpected"],
    ["its own words", (transfer) => [{ type: "cancel", transfer }], "frame-unexpected"],
  ])("%s", async (_, answers, code) => {
    const work = new Workspace();
    const port = await taking((peer, transfer) => void peer.send(...answers(transfer)));
    expect(await endOf(work.send({ port, files: [STREAM], retryMs: 0 }).done)).toBe(code);
  });

  test("a file wanted from beyond its end: nothing is read there", async () => {
    const work = new Workspace();
    const bytes = content(MiB);
    const port = await taking(async (peer, transfer) => {
      peer.send({ type: "accept", transfer, offset: beyond });
      expect(await peer.until("finish")).toMatchObject({ digest: sha256(bytes) });
      peer.send({ type: "refuse", about: transfer, code: "size-mismatch", message: "no" });
    });
    const sender = work.send({ port, digest: "sha256", files: [work.write("a", bytes)] });
    expect(await endOf(sender.done)).toBe("size-mismatch");
  });

  test("limits that no server can mean", async () => {
    const work = new Workspace();
    const most = Number.MAX_SAFE_INTEGER;
    const absurd: Partial<MessageOf<"welcome">>[] = [
      { dataBytesMax: 0, pipelineBytesMax: 0, windowBytes: 0, windowFiles: 1, leaseMs: 0 },
      { dataBytesMax: most, pipelineBytesMax: most, windowBytes: most, windowFiles: most, leaseMs: most },
    ];
    for (const limits of absurd) {
      const sizes: number[] = [];
      const port = await listenRaw(async (peer) => {
        await peer.until("hello");
        const { transfer, wait } = await peer.send({ ...WELCOME, ...limits }).until("offer");
        expect(wait).toBe(true);
        peer.send({ type: "accept", transfer, offset: 0 });
        for (let frame = await peer.next(); frame && frame.type !== "finish"; frame = await peer.next())
          if (frame.type === "data") sizes.push(frame.bytes.length);
        peer.send({ type: "stored", transfer, digest: sha256(content(9 * MiB)), repeated: false, collected: false });
        await peer.until("bye");
        peer.socket.end();
      });
      const run = work.send({ port, bufferBytes: 4 * MiB, files: [work.write("a", content(9 * MiB))], again: true });
      expect(await endOf(run.done)).toBe("done");
      expect([Math.min(...sizes) >= KiB, Math.max(...sizes) <= 4 * MiB]).toEqual([true, true]);
    }
  });

  test("countless answers about files that it never offered", async () => {
    const work = new Workspace();
    const before = await usedBytes();
    const port = await taking(async (peer, transfer) => {
      const useless = [
        frameOf({ type: "progress", transfer: idOf(99), offset: 5 }),
        frameOf({ type: "stored", transfer: idOf(98), digest: "0".repeat(64), repeated: false, collected: false }),
        frameOf({ type: "refuse", about: idOf(97), code: "queue-full", message: "x" }),
      ];
      await peer.pour(Buffer.concat(Array.from({ length: 3000 }, (_, at) => useless[at % 3] as Buffer)), 60);
      expect((await usedBytes()) - before).toBeLessThan(24 * MiB);
      peer.send({ type: "refuse", about: transfer, code: "name-refused", message: "no" });
    });
    expect(await endOf(work.send({ port, files: [work.write("a", content(MiB))] }).done)).toBe("name-refused");
  });
});

const DELIVER: MessageOf<"deliver"> = {
  ...{ type: "deliver", delivery: "d", transfer: idOf(1), queue: "default", name: "file", size: MiB },
  ...{ algorithm: "sha256", digest: sha256(content(MiB)), attempt: 1 },
};

/** A server that is asked for files, and then does what it likes. */
const giving = (script: (peer: RawPeer) => Promise<void> | void, welcome: Partial<MessageOf<"welcome">> = {}) =>
  listenRaw(async (peer) => {
    await peer.until("hello");
    await peer.send({ ...WELCOME, ...welcome }).until("want");
    await script(peer);
  });

/** What is in the folder under a name that somebody would open. */
const visible = (work: Workspace) => work.list().filter((name) => !name.startsWith(".filespool"));

describe("a receiver lands nothing and gets no more than it asked for from", () => {
  const started = (after: (peer: RawPeer) => void) => async (peer: RawPeer) => {
    await peer.send(DELIVER).until("start");
    after(peer);
  };
  test.each<[string, (peer: RawPeer) => Promise<void> | void, string]>([
    ["data without a delivery", (peer) => void peer.sendData(0, content(10)), "frame-unexpected"],
    [
      "data before it was asked for",
      (peer) => void peer.send(DELIVER).sendData(64 * KiB, content(64 * KiB)),
      "offset-gap",
    ],
    ["data behind a gap", started((peer) => peer.sendData(64 * KiB, content(64 * KiB))), "offset-gap"],
    ["data from beyond everything", started((peer) => peer.sendData(2 ** 50, content(10))), "size-mismatch"],
    [
      "more data than was announced",
      started((peer) => peer.sendData(0, content(MiB - 10)).sendData(MiB - 10, content(20))),
      "size-mismatch",
    ],
    [
      "another delivery in the middle of one",
      started((peer) => peer.send({ ...DELIVER, delivery: "e" })),
      "frame-unexpected",
    ],
    [
      "an answer for senders",
      (peer) => void peer.send({ type: "accept", transfer: idOf(1), offset: 0 }),
      "frame-unexpected",
    ],
    ["a second welcome", (peer) => void peer.send(WELCOME), "frame-unexpected"],
    ["its own words", (peer) => void peer.send({ type: "ack", delivery: "d" }), "frame-unexpected"],
    ["a size without an end", (peer) => void peer.send({ ...DELIVER, size: Infinity }), "message-invalid"],
  ])("%s", async (_, script, code) => {
    const work = new Workspace();
    const run = work.receive({ port: await giving(script), retryMs: 0 });
    expect(await endOf(run.done)).toBe(code);
    expect(visible(work)).toEqual([]);
  });

  test("a digest that nobody knows: that file is held, and those behind it land", async () => {
    const work = new Workspace();
    for (const size of [100, MiB]) {
      const lies = [
        { bytes: content(size), algorithm: "md5" },
        { bytes: content(size), name: "good" },
      ];
      const { port, verdicts } = await serveLies(lies);
      const { landed, failures } = await work.receive({ port, retryMs: 0, ifExists: "overwrite" }).done;
      expect([landed, failures]).toMatchObject([1, [{ code: "digest-unsupported" }]]);
      expect([verdicts.map(({ type }) => type), work.list()]).toEqual([["ack"], ["good"]]);
    }
  });

  test("the largest size that there is: room is taken for what arrives, not for what is announced", async () => {
    const work = new Workspace();
    const port = await giving(async (peer) => {
      await peer.send({ ...DELIVER, size: Number.MAX_SAFE_INTEGER }).until("start");
      peer.sendData(0, content(MiB)).socket.end();
    });
    expect(await endOf(work.receive({ port, retryMs: 0 }).done)).toBe("connection-lost");
    const parts = work.list().map((name) => statSync(work.path("out", name)));
    expect(parts.every(({ size, blocks }) => size <= MiB && blocks * 512 <= 2 * MiB)).toBe(true);
    expect(visible(work)).toEqual([]);
  });

  test("countless verdicts on deliveries that never were", async () => {
    const work = new Workspace();
    const before = await usedBytes();
    const port = await giving(async (peer) => {
      const useless = [
        frameOf({ type: "acked", delivery: "x" }),
        frameOf({ type: "refuse", about: "y", code: "lease-lost", message: "z" }),
      ];
      await peer.pour(Buffer.concat(Array.from({ length: 2000 }, (_, at) => useless[at % 2] as Buffer)), 50);
      expect((await usedBytes()) - before).toBeLessThan(24 * MiB);
      peer.send({ type: "empty", leased: 0 });
      await peer.until("bye");
      peer.socket.end();
    });
    // Nobody listens to its events, as the collector of other tests does: it would be what grows.
    const { receive } = await import("../../src/net/receive.ts");
    expect(await endOf(receive({ out: work.path("out"), port }))).toBe("done");
  });

  test.each([0, 1, Number.MAX_SAFE_INTEGER])(
    "leases of %i ms, which are renewed neither without pause nor never",
    async (leaseMs) => {
      const work = new Workspace();
      const timers = vi.spyOn(globalThis, "setInterval");
      const port = await giving(
        async (peer) => {
          peer.send({ type: "empty" });
          await peer.until("bye");
          peer.socket.end();
        },
        { leaseMs },
      );
      expect(await endOf(work.receive({ port }).done)).toBe("done");
      const periods = timers.mock.calls.map(([, ms]) => ms ?? 0);
      expect(periods.length).toBeGreaterThan(0);
      expect(periods.every((ms) => ms >= 50 && ms < 2 ** 31)).toBe(true);
    },
  );
});
