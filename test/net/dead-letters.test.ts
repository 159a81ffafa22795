import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { content } from "../support/content.ts";
import { diskError, replaceFileMethod } from "../support/disk-faults.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const FAILURES_MAX = 3;

test.each<[string, (path: string) => void, string]>([
  ["has been damaged", (path) => writeFileSync(path, "X", { flag: "r+" }), "digest"],
  ["has become too short", (path) => truncateSync(path, 50 * KiB), "too short"],
  ["is gone", (path) => rmSync(path), "ENOENT"],
])("a file whose content %s is tried a few times and then set aside; the others land", async (_, harm, reason) => {
  const work = new Workspace();
  const { port, spool, events } = await work.serve({ spool: { limits: { failuresMax: FAILURES_MAX } } });
  await work.send({ port, files: ["first", "bad", "last"].map((name) => work.write(name, content(100 * KiB))) }).done;
  const { transfer } = await events.waitFor("stored", ({ name }) => name === "bad");
  harm(work.path("spool", "data", transfer));
  const { landed, failures } = await work.receive({ port }).done;
  expect([landed, failures.length]).toEqual([2, 1]);
  // What arrived of it may stay as a part, for the day when the server has it again.
  expect(work.list().filter((name) => !name.endsWith(".part"))).toEqual(["first", "last"]);
  const attempts = events.all("delivered").filter(({ name }) => name === "bad");
  expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(spool.waiting("default")).toBe(0);
  expect(await spool.dead("default")).toMatchObject([
    { name: "bad", failures: FAILURES_MAX, reason: expect.stringContaining(reason) },
  ]);
});

test("what is given back without a verdict on it is not counted, and comes first again", async () => {
  const work = new Workspace();
  const { port, spool, events } = await work.serve({ spool: { limits: { failuresMax: 1 } } });
  await work.send({ port, files: ["a", "b", "c"].map((name) => work.write(name, name)) }).done;
  // The third receiver that vanishes would count: test/net/vanished.test.ts.
  for (let time = 0; time < 2; time++) {
    const peer = await RawPeer.connect(port);
    await peer.greet("receiver");
    peer.send({ type: "want", files: 2 });
    expect(await peer.until("deliver")).toMatchObject({ name: "a", attempt: 1 });
    const { delivery, ...second } = await peer.until("deliver");
    expect(second).toMatchObject({ name: "b", attempt: 1 });
    peer.send({ type: "nack", delivery, counts: false, reason: "not now" });
    await events.waitForCount("returned", time + 1);
    peer.socket.resetAndDestroy();
    await events.waitForCount("disconnected", time + 2);
  }
  expect(await spool.dead("default")).toEqual([]);
  const receiver = work.receive({ port });
  expect(await receiver.done).toMatchObject({ landed: 3 });
  expect(receiver.events.all("landed").map(({ name }) => name)).toEqual(["a", "b", "c"]);
});

test("a client hears neither paths nor the words of the operating system at the other end", async () => {
  const work = new Workspace();
  const { port, events } = await work.serve({ spool: { limits: { failuresMax: 1 } } });
  await work.send({ port, files: [work.write("bad", content(100 * KiB))] }).done;
  const { transfer } = await events.waitFor("stored");
  rmSync(work.path("spool", "data", transfer));
  const receiver = work.receive({ port });
  await receiver.done;
  expect(await receiver.events.waitFor("retrying")).toMatchObject({
    ...{ code: "storage-failed", message: "the server cannot use its disk; the people who run it have to look" },
  });
  await replaceFileMethod("datasync", () => () => Promise.reject(diskError("EIO")));
  const sender = work.send({ port, again: true, files: [work.write("next", content(100 * KiB))], retryMs: 0 });
  await expect(sender.done).rejects.toMatchObject({ code: "storage-failed", retry: true });
  expect(JSON.stringify([...sender.events.events, ...receiver.events.events])).not.toMatch(/ENOENT|EIO|\/data\//);
  expect(events.all("refused")[0]?.message).toContain("EIO"); // whoever runs the server does hear it
});
