/** Receivers that vanish: which file is to blame, from when on, and which ends are no vanishing at all. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { MessageOf } from "../../src/protocol/messages.ts";
import { store } from "../spool/subject.ts";
import { content } from "../support/content.ts";
import { dataFrameOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { type RunningServer, type ServerSetup, Workspace } from "../support/workspace.ts";

const FAILURES_MAX = 2;
/** So many receivers die of a file: the first cost nothing. */
const DEATHS = LIMITS.vanishedReceiversMax - 1 + FAILURES_MAX;

/** A server with five files of 100 bytes. */
async function fiveFiles(setup: ServerSetup = {}) {
  const work = new Workspace();
  const running = await work.serve({
    ...setup,
    spool: { limits: { failuresMax: FAILURES_MAX, ...setup.spool?.limits } },
  });
  for (let number = 1; number <= 5; number++) await store(running.spool, number, 100);
  return { work, running };
}

/** A receiver that has taken so many files, content included. */
async function taken({ port }: RunningServer, files: number, hello: Partial<MessageOf<"hello">> = {}) {
  const peer = await RawPeer.connect(port);
  await peer.greet("receiver", hello);
  peer.send({ type: "want", files });
  const deliveries: MessageOf<"deliver">[] = [];
  for (let number = 0; number < files; number++) {
    deliveries.push(await peer.until("deliver"));
    await peer.until("data");
  }
  return { peer, deliveries };
}

/** Until the server has dealt with everybody who has left so far. */
const gone = ({ events }: RunningServer, count: number) => events.waitForCount("disconnected", count);

test("a file that kills whoever takes it becomes a dead letter that says why, and the innocent ones land in order", async () => {
  const { work, running } = await fiveFiles();
  const attempts: number[] = [];
  for (let death = 1; death <= DEATHS; death++) {
    const { peer, deliveries } = await taken(running, 5);
    attempts.push(deliveries[0]?.attempt ?? 0);
    expect(deliveries.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5].map((number) => `file ${number}.bin`));
    expect(deliveries.slice(1).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
    peer.socket.resetAndDestroy();
    await gone(running, death);
  }
  expect(attempts).toEqual([1, 1, 1, 2]);
  expect(await running.spool.dead("default")).toMatchObject([
    {
      transfer: idOf(1),
      failures: FAILURES_MAX,
      reason: expect.stringMatching(/receiver vanished .* all of the file/),
    },
  ]);
  expect(running.events.all("returned").map(({ name, dead }) => [name, dead])).toEqual([
    ["file 1.bin", false],
    ["file 1.bin", true],
  ]);
  const receiver = work.receive({ port: running.port });
  expect(await receiver.done).toMatchObject({ landed: 4, failures: [] });
  const landed = receiver.events.all("landed").map(({ name }) => name);
  expect(landed).toEqual(["file 2.bin", "file 3.bin", "file 4.bin", "file 5.bin"]);
  expect(running.server.suspects.size).toBe(0);
});

test("the oldest without a verdict is to blame, whatever was settled before it", async () => {
  const { running } = await fiveFiles();
  const first = await taken(running, 1);
  await first.peer.send({ type: "ack", delivery: first.deliveries[0]?.delivery ?? "" }).until("acked");
  first.peer.socket.destroy();
  await gone(running, 1);
  for (let death = 1; death <= DEATHS; death++) {
    const { peer } = await taken(running, 4);
    peer.socket.destroy();
    await gone(running, 1 + death);
  }
  expect(await running.spool.dead("default")).toMatchObject([{ transfer: idOf(2) }]);
});

test("a receiver that falls silent has vanished as well", async () => {
  const { running } = await fiveFiles({ limits: { idleMs: 200, heartbeatMs: 10_000 } });
  for (let death = 1; death <= DEATHS; death++) {
    await taken(running, 2);
    await gone(running, death);
  }
  expect(running.events.all("disconnected").map(({ code }) => code)).toEqual(Array(DEATHS).fill("timed-out"));
  expect(await running.spool.dead("default")).toMatchObject([{ transfer: idOf(1) }]);
});

describe("it is no vanishing", () => {
  /** The end is tried often enough to bury a file; nothing of it may have been counted. */
  async function expectHarmless(
    setup: ServerSetup,
    end: (peer: RawPeer, delivery: string, running: RunningServer) => unknown,
    hello: Partial<MessageOf<"hello">> = {},
  ): Promise<void> {
    const { running } = await fiveFiles(setup);
    for (let time = 1; time <= DEATHS + 2; time++) {
      const { peer, deliveries } = await taken(running, 3, hello);
      expect(deliveries.map(({ name, attempt }) => [name, attempt])).toEqual(
        [1, 2, 3].map((number) => [`file ${number}.bin`, 1]),
      );
      await end(peer, deliveries[0]?.delivery ?? "", running);
      await gone(running, time);
    }
    expect(await running.spool.dead("default")).toEqual([]);
    expect(running.events.all("returned")).toEqual([]);
  }

  test("when the receiver says goodbye", () => expectHarmless({}, (peer) => peer.send({ type: "bye" })));

  test("when it says why it ends", () =>
    expectHarmless({}, (peer) => peer.send({ type: "error", code: "folder-unusable", message: "no" }).socket.end()));

  test("when the same run comes back over another connection", () =>
    expectHarmless({}, (peer) => peer.socket.resetAndDestroy(), { peer: idOf(77) }));

  test("when it is superseded by its own next connection", async () => {
    const { running } = await fiveFiles();
    for (let time = 1; time <= DEATHS + 2; time++) {
      const { deliveries } = await taken(running, 3, { peer: idOf(78) });
      expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    }
    expect(running.server.suspects.size).toBe(0);
  });

  test("when it broke the protocol, and the server ended it", () =>
    expectHarmless({}, (peer) => peer.write(dataFrameOf(0, content(10)))));

  test("when the server shuts down", async () => {
    const work = new Workspace();
    for (let time = 1; time <= DEATHS + 2; time++) {
      const running = await work.serve({ spool: { limits: { failuresMax: 1 } } });
      if (time === 1) await store(running.spool, 1, 100);
      const { deliveries } = await taken(running, 1);
      expect(deliveries).toMatchObject([{ attempt: 1 }]);
      await running.stop();
    }
  });

  test("when the content had not arrived whole", async () => {
    const work = new Workspace();
    const running = await work.serve({ spool: { limits: { failuresMax: 1 } } });
    await store(running.spool, 1, 64 * 1024 * 1024);
    for (let time = 1; time <= DEATHS + 2; time++) {
      const peer = await RawPeer.connect(running.port);
      await peer.greet("receiver");
      const { delivery, attempt } = await peer.send({ type: "want", files: 1 }).until("deliver");
      expect(attempt).toBe(1);
      peer.send({ type: "start", delivery, offset: 0 });
      await peer.until("data");
      peer.socket.resetAndDestroy();
      await gone(running, time);
    }
    expect(running.server.suspects.size).toBe(0);
  });

  test("when a person stops the receiver", async () => {
    const { work, running } = await fiveFiles();
    for (let time = 1; time <= DEATHS + 2; time++) {
      const stop = new AbortController();
      let isCalled = () => {};
      const called = new Promise<void>((resolve) => {
        isCalled = resolve;
      });
      const onLanded = () => {
        isCalled();
        return new Promise<void>(() => {});
      };
      const receiver = work.receive({
        port: running.port,
        signal: stop.signal,
        onLanded: ({ signal }) =>
          Promise.race([
            onLanded(),
            new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))),
          ]),
      });
      await called;
      stop.abort();
      await expect(receiver.done).rejects.toMatchObject({ code: "interrupted" });
      await gone(running, time);
    }
    expect(running.events.all("disconnected").map(({ code }) => code)).toEqual(Array(DEATHS + 2).fill("interrupted"));
    expect(running.server.suspects.size).toBe(0);
  });
});

test("a verdict says that a receiver lives: the count begins anew", async () => {
  const { running } = await fiveFiles();
  for (let time = 1; time <= 4 * LIMITS.vanishedReceiversMax; time++) {
    const { peer, deliveries } = await taken(running, 1);
    expect(deliveries).toMatchObject([{ name: "file 1.bin", attempt: 1 }]);
    if (time % LIMITS.vanishedReceiversMax === 0) {
      peer.send({ type: "nack", delivery: deliveries[0]?.delivery ?? "", counts: false, reason: "not here" });
      await running.events.waitForCount("returned", time / LIMITS.vanishedReceiversMax);
      peer.send({ type: "bye" });
    } else peer.socket.destroy();
    await gone(running, time);
  }
});
