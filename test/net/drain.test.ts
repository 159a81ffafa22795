import { describe, expect, test } from "vitest";
import type { Message } from "../../src/protocol/messages.ts";
import type { Spool } from "../../src/spool/contract.ts";
import { content, fileSha256, sha256 } from "../support/content.ts";
import { helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;
const LONG_MS = 30_000;

const offerOf = (number: number, bytes: Uint8Array, wait: boolean): Message => ({
  ...{ type: "offer", transfer: idOf(number), queue: "default", name: `${number}`, algorithm: "sha256" },
  ...{ size: bytes.length, wait },
});
const finishOf = (number: number, bytes: Uint8Array): Message => ({
  ...{ type: "finish", transfer: idOf(number), digest: sha256(bytes) },
});

/** Holds up the next `finish` of the spool, as a slow disk would. */
function holdFinish(spool: Spool): { begun: Promise<void>; release: () => void } {
  const { offer } = spool;
  let begin: () => void = () => {};
  let release: () => void = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  spool.offer = async (file, watcher) => {
    const answer = await offer.call(spool, file, watcher);
    if (answer.kind !== "upload") return answer;
    const { finish } = answer.upload;
    answer.upload.finish = async (digest) => {
      begin();
      await released;
      return finish.call(answer.upload, digest);
    };
    return answer;
  };
  return { begun, release };
}

describe("a server that is told to stop", () => {
  test("finishes the file that is arriving, and only then says goodbye to its sender", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const bytes = content(2 * MiB);
    const sender = await RawPeer.connect(server.port);
    await sender.greet("sender");
    sender.send(offerOf(1, bytes, true));
    await sender.until("accept");
    sender.sendData(0, bytes.subarray(0, MiB));
    const stopped = server.stop(LONG_MS);
    await server.events.waitFor("draining");
    sender.sendData(MiB, bytes.subarray(MiB)).send(finishOf(1, bytes));
    expect(await sender.until("stored")).toMatchObject({ repeated: false });
    expect(await sender.next()).toMatchObject({ type: "error", code: "shutting-down" });
    sender.socket.end();
    await stopped;
    const after = await work.serve();
    expect(after.spool.waiting("default")).toBe(1);
  });

  test.each([
    ["small", 5000],
    ["large", 2 * MiB],
  ])("waits for the last sync of a %s file", async (_, size) => {
    const work = new Workspace();
    const server = await work.serve();
    const bytes = content(size);
    const finishing = holdFinish(server.spool);
    const sender = await RawPeer.connect(server.port);
    await sender.greet("sender");
    sender.send(offerOf(1, bytes, true));
    await sender.until("accept");
    sender.sendData(0, bytes).send(finishOf(1, bytes));
    await finishing.begun;
    const stopped = server.stop(LONG_MS);
    await server.events.waitFor("draining");
    finishing.release();
    expect(await sender.until("stored")).toMatchObject({ repeated: false });
    expect(await sender.next()).toMatchObject({ type: "error", code: "shutting-down" });
    sender.socket.end();
    await stopped;
  });

  test("says goodbye after the answers to files that had arrived, large or small, and before further offers", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const [small, large] = [content(5000, 1), content(30 * MiB, 2)];
    const sender = await RawPeer.connect(server.port);
    await sender.greet("sender");
    sender
      .send(offerOf(1, small, false))
      .sendData(0, small)
      .send(finishOf(1, small), offerOf(2, large, true));
    await sender.until("accept");
    for (let at = 0; at < large.length; at += MiB) sender.sendData(at, large.subarray(at, at + MiB));
    sender
      .send(finishOf(2, large), offerOf(3, small, false))
      .sendData(0, small)
      .send(finishOf(3, small));
    await sender.until("progress"); // so the large one is on its way, and its last sync still to come
    const stopped = server.stop(LONG_MS);
    const answers: string[] = [];
    for (let frame = await sender.next(); frame; frame = await sender.next()) {
      if (frame.type === "stored") answers.push(`stored ${Number.parseInt(frame.transfer, 16)}`);
      else if (frame.type !== "progress") answers.push("code" in frame ? frame.code : frame.type);
    }
    expect(answers).toEqual(["stored 2", "shutting-down"]);
    sender.socket.end();
    await stopped;
    expect(server.events.all("error")).toEqual([]);
  });

  test("tells clients that are idle, and those that have not said hello", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const [sender, receiver, silent] = await Promise.all([1, 2, 3].map(() => RawPeer.connect(server.port)));
    await sender?.greet("sender");
    await receiver?.greet("receiver");
    receiver?.send({ type: "want", files: 5 });
    await receiver?.until("empty");
    const stopped = server.stop(LONG_MS);
    for (const peer of [sender, receiver, silent]) {
      expect(await peer?.ending()).toBe("shutting-down");
      peer?.socket.end();
    }
    await stopped;
  });

  test("lets a receiver finish what was delivered, and hands out nothing more", async () => {
    const work = new Workspace();
    const server = await work.serve();
    await work.send({ port: server.port, files: ["a", "b", "c"].map((name) => work.write(name, name)) }).done;
    const receiver = await RawPeer.connect(server.port);
    await receiver.greet("receiver");
    receiver.send({ type: "want", files: 2 });
    const deliveries = [await receiver.until("deliver"), await receiver.until("deliver")];
    const stopped = server.stop(LONG_MS);
    await server.events.waitFor("draining");
    receiver.send({ type: "want", files: 5 });
    for (const { delivery } of deliveries) receiver.send({ type: "ack", delivery });
    expect(await receiver.until("acked")).toMatchObject({ delivery: deliveries[0]?.delivery });
    expect(await receiver.until("acked")).toMatchObject({ delivery: deliveries[1]?.delivery });
    expect(await receiver.next()).toMatchObject({ type: "error", code: "shutting-down" });
    receiver.socket.end();
    await stopped;
    const after = await work.serve();
    expect(after.spool.waiting("default")).toBe(1);
  });

  test.each([5000, 2 * MiB])("lets a sender of %i bytes end well whose last file it has just stored", async (size) => {
    const work = new Workspace();
    const server = await work.serve();
    const finishing = holdFinish(server.spool);
    const sender = work.send({ port: server.port, files: [work.write("a", content(size))], retryMs: 0 });
    await finishing.begun;
    const stopped = server.stop(LONG_MS);
    await server.events.waitFor("draining");
    finishing.release();
    expect(await sender.done).toMatchObject({ stored: 1, failures: [] });
    await stopped;
  });

  test("lets a receiver that takes what is there end well, if that was all; another one comes back", async () => {
    const work = new Workspace();
    const server = await work.serve();
    await work.send({ port: server.port, files: ["a", "b"].map((name) => work.write(name, name)) }).done;
    const begin = async () => {
      const receiver = await RawPeer.connect(server.port);
      await receiver.greet("receiver");
      return { receiver, delivery: (await receiver.send({ type: "want", files: 1 }).until("deliver")).delivery };
    };
    const [first, second] = [await begin(), await begin()];
    const stopped = server.stop(LONG_MS);
    await server.events.waitFor("draining");
    for (const { receiver, delivery } of [first, second]) {
      receiver.send({ type: "want", files: 1 }, { type: "ack", delivery });
      await receiver.until("acked");
    }
    expect(await first.receiver.next()).toMatchObject({ type: "error", code: "shutting-down" }); // the other one has a file
    expect(await second.receiver.next()).toMatchObject({ type: "empty", leased: 0 });
    expect(await second.receiver.next()).toMatchObject({ type: "error", code: "shutting-down" });
    for (const { receiver } of [first, second]) receiver.socket.end();
    await stopped;
  });

  test("waits no longer than drainMs for those that do not finish", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const bytes = content(MiB);
    await work.send({ port: server.port, files: [work.write("a", "a")] }).done;
    const [sender, receiver] = [await RawPeer.connect(server.port), await RawPeer.connect(server.port)];
    await sender.greet("sender");
    sender.send(offerOf(1, bytes, true));
    await sender.until("accept");
    await receiver.greet("receiver");
    receiver.send({ type: "want", files: 2 });
    await receiver.until("deliver");
    const beganMs = performance.now();
    await server.stop(500);
    expect(performance.now() - beganMs).toBeGreaterThan(490);
    expect([await sender.ending(), await receiver.ending()]).toEqual(["closed", "closed"]);
    const after = await work.serve();
    expect(after.spool.waiting("default")).toBe(1);
  });

  test("takes no new connections", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const late = await RawPeer.connect(server.port);
    const stopped = server.stop(LONG_MS);
    late.send(helloOf("sender"));
    expect(await late.ending()).toBe("shutting-down");
    late.socket.end();
    await stopped;
    await expect(work.send({ port: server.port, files: [] }).done).rejects.toMatchObject({ code: "unreachable" });
  });
});

test("a sender outlives the restart of its server, and sends each file once", async () => {
  const work = new Workspace();
  const first = await work.serve();
  const names = Array.from({ length: 30 }, (_, number) => String(number + 10));
  const big = work.write("99", content(30 * MiB));
  const sender = work.send({ port: first.port, files: [...names.map((name) => work.write(name, name)), big] });
  await sender.events.waitFor("stored");
  await first.stop(LONG_MS);
  const second = await work.serve({ port: first.port });
  expect(await sender.done).toMatchObject({ stored: 31, repeated: 0, failures: [] });
  const receiver = work.receive({ port: second.port });
  expect(await receiver.done).toMatchObject({ landed: 31 });
  expect(receiver.events.all("landed").map(({ name }) => name)).toEqual([...names, "99"]);
  expect(await fileSha256(work.path("out", "99"))).toBe(sha256(content(30 * MiB)));
});

test("a receiver outlives the restart of its server, and lands each file once", async () => {
  const work = new Workspace();
  const first = await work.serve();
  const names = Array.from({ length: 30 }, (_, number) => String(number + 10));
  const receiver = work.receive({ port: first.port, count: 31 });
  await work.send({ port: first.port, files: names.map((name) => work.write(name, name)) }).done;
  await receiver.events.waitForCount("landed", 10);
  await first.stop(LONG_MS);
  const second = await work.serve({ port: first.port });
  await work.send({ port: second.port, files: [work.write("99", "99")] }).done;
  expect(await receiver.done).toMatchObject({ landed: 31, failures: [] });
  expect(work.list()).toEqual([...names, "99"]);
});

test("an address that is in use is reported in words that say what to do", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const other = new Workspace();
  await expect(other.serve({ port })).rejects.toMatchObject({
    code: "address-unusable",
    message: expect.stringMatching(new RegExp(`localhost:${port}.*another program.*choose another port`)),
  });
});
