/** What a sender may be given as its list of files: also one that has nothing to give for a while, and has no end. */
import { statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Source } from "../../src/net/options.ts";
import { identityOf } from "../../src/net/sender/file-identity.ts";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;

/** A list that gives what is put into it, when it is put there. */
class Hand implements AsyncIterableIterator<Source> {
  /** How often it was asked, and whether it was told that nobody asks any more. */
  asked = 0;
  isEnded = false;
  readonly #given: IteratorResult<Source>[] = [];
  #waiting: ((item: IteratorResult<Source>) => void)[] = [];

  give(...sources: readonly Source[]): void {
    for (const value of sources) this.#put({ done: false, value });
  }

  end(): void {
    this.#put({ done: true, value: undefined });
  }

  #put(item: IteratorResult<Source>): void {
    const taker = this.#waiting.shift();
    if (taker) taker(item);
    else this.#given.push(item);
  }

  next(): Promise<IteratorResult<Source>> {
    this.asked++;
    const item = this.#given.shift();
    return item ? Promise.resolve(item) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<Source>> {
    this.isEnded = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

test("a list may have nothing to give for a while: one connection serves while it lasts", async () => {
  const work = new Workspace();
  const { port, events } = await work.serve();
  const hand = new Hand();
  const sender = work.send({ port, files: hand });
  await sender.events.waitFor("connected");
  for (const name of ["a", "b", "c"]) {
    hand.give(work.write(name, name));
    await sender.events.waitFor("stored", (event) => event.name === name);
  }
  // Many at once are pipelined as they are from any list; large and small, in its order.
  hand.give(
    ...Array.from({ length: 600 }, (_, index) => work.write(`s${index}`, "small")),
    work.write("l", content(MiB)),
  );
  hand.end();
  expect(await sender.done).toMatchObject({ stored: 604, failures: [] });
  expect(events.all("connected")).toHaveLength(1);
  await work.receive({ port }).done;
  expect(work.list().length).toBe(604);
});

test("what a list gives while there is no connection is sent on the next one, once and in order", async () => {
  const work = new Workspace();
  const first = await work.serve();
  const hand = new Hand();
  const sender = work.send({ port: first.port, files: hand, retryMs: 60_000 });
  hand.give(work.write("a", "a"));
  await sender.events.waitFor("stored");
  await first.stop();
  await sender.events.waitFor("retrying");
  hand.give(work.write("b", "b"), work.write("c", "c"));
  const { port } = await work.serve({ port: first.port });
  await sender.events.waitForCount("stored", 3);
  hand.end();
  expect(await sender.done).toMatchObject({ stored: 3, repeated: 0 });
  const receiver = work.receive({ port });
  await receiver.done;
  expect(receiver.events.all("landed").map(({ name }) => name)).toEqual(["a", "b", "c"]);
  expect(hand.asked).toBe(4);
});

test("a list is asked for one file at a time, also when the connection is lost again and again", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  let lost = 0;
  const proxy = await CuttingProxy.start(port, (connection) =>
    connection <= 5 ? { direction: "up", after: 3000 * connection, how: "reset" } : null,
  );
  const hand = new Hand();
  const sender = work.send({ port: proxy.port, files: hand, retryMs: 60_000 });
  for (let number = 0; number < 50; number++) {
    hand.give(work.write(`f${number}`, content(1000, number)));
    await sender.events.waitForCount("stored", number + 1);
    expect(hand.asked).toBeLessThanOrEqual(number + 2);
    lost = sender.events.all("retrying").length;
  }
  hand.end();
  expect(await sender.done).toMatchObject({ stored: 50, repeated: 0, failures: [] });
  expect(lost).toBeGreaterThanOrEqual(5);
});

test("a list that fails ends the run with its error, and one whose run fails hears that nobody asks any more", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  async function* failing(): AsyncGenerator<Source> {
    yield work.write("a", "a");
    throw new TypeError("no more");
  }
  await expect(work.send({ port, files: failing() }).done).rejects.toMatchObject({
    code: "internal",
    message: expect.stringContaining("no more"),
  });
  const hand = new Hand();
  const over = new AbortController();
  const sender = work.send({ port, files: hand, signal: over.signal });
  await sender.events.waitFor("connected");
  over.abort();
  await expect(sender.done).rejects.toMatchObject({ code: "interrupted" });
  expect(hand.isEnded).toBe(true);
});

test("what there was no room for is offered again although the list goes on", async () => {
  const work = new Workspace();
  const { port } = await work.serve({ spool: { limits: { spoolBytesMax: 10_000 } } });
  const hand = new Hand();
  const sender = work.send({ port, files: hand, retryMs: 60_000 });
  hand.give(work.write("a", content(6_000)), work.write("b", content(6_000)), work.write("c", "c"));
  await sender.events.waitFor("retrying", ({ code }) => code === "spool-full");
  await work.receive({ port }).done;
  await sender.events.waitForCount("stored", 3);
  hand.end();
  expect(await sender.done).toMatchObject({ stored: 3, failures: [] });
});

test("a file that somebody saw is sent only if it still is that file", async () => {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const path = work.write("a", "one");
  const identity = identityOf(path, statSync(path, { bigint: true }));
  writeFileSync(path, "other");
  const { stored, failures } = await work.send({ port, files: [{ path, identity }] }).done;
  expect([stored, failures.map(({ code }) => code), spool.waiting("default")]).toEqual([0, ["file-changed"], 0]);
  const now = identityOf(path, statSync(path, { bigint: true }));
  expect(await work.send({ port, files: [{ path, identity: now }] }).done).toMatchObject({ stored: 1 });
  const folder = work.path("in");
  const { failures: others } = await work.send({ port, files: [{ path: folder, identity }] }).done;
  expect(others).toMatchObject([{ code: "file-changed", message: expect.stringContaining("became a folder") }]);
});
