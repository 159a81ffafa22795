/** What an attack on the minimal programs has found, and was mended: each as a law at real sessions or programs. */
import { once } from "node:events";
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { LEASE_MS, openQueues } from "../../minimal/queues.ts";
import { createServer as createMinimal } from "../../minimal/server.ts";
import { skipAloud } from "../spool/children.ts";
import { content } from "../support/content.ts";
import { Place } from "../support/process-program.ts";
import { listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";
import { MAIN, sendMinimal, serveMinimal } from "./programs.ts";

const MiB = 1024 * 1024;

test("a receiver hears of every file that others hold, whatever it still remembers of leases that are over", async () => {
  const work = new Workspace();
  let nowMs = 0;
  const queues = await openQueues(work.path("spool"), () => nowMs);
  const server = createMinimal(queues, () => {});
  const listener = createServer({ allowHalfOpen: true }, (socket) => void server.accept(socket)).listen(0, "localhost");
  await once(listener, "listening");
  onTestFinished(async () => {
    listener.close();
    await server.drain();
  });
  const { port } = listener.address() as AddressInfo;
  await sendMinimal(port, [work.write("big", content(MiB, 1))]);

  const slow = await RawPeer.connect(port);
  await slow.greet("receiver", { queue: "default", peer: "1".repeat(32) });
  const { delivery } = await slow.send({ type: "want", files: 1 }).until("deliver");
  // Its lease ends, and another receiver gets the file.
  nowMs += LEASE_MS + 1;
  queues.expire();
  const other = await RawPeer.connect(port);
  await other.greet("receiver", { queue: "default", peer: "2".repeat(32) });
  await other.send({ type: "want", files: 1 }).until("deliver");
  // Its late verdict is refused, and the file that the other one holds may come back: it has to hear of it.
  slow.send({ type: "ack", delivery });
  expect(await slow.until("refuse")).toMatchObject({ about: delivery, code: "lease-lost" });
  expect(await slow.send({ type: "want", files: 1 }).until("empty")).toMatchObject({ leased: 1 });
});

test("a file that changes while it is sent is given up, and the next one is sent", async () => {
  const work = new Workspace();
  const big = work.write("big", content(MiB, 2));
  const port = await listenRaw(async (peer, number) => {
    await peer.until("hello");
    const { transfer, name } = await peer.send(WELCOME).until("offer");
    expect(name).toBe(number === 1 ? "big" : "small");
    if (number === 1) {
      utimesSync(big, new Date(), new Date(0));
      expect(await peer.send({ type: "accept", transfer, offset: 0 }).until("cancel")).toMatchObject({ transfer });
      return void (await peer.closed);
    }
    const { digest } = await peer.until("finish");
    await peer.send({ type: "stored", transfer, digest, repeated: false, collected: false }).until("bye");
    peer.socket.end();
  });
  const { failures, told } = await sendMinimal(port, [big, work.write("small", "small")]);
  expect(failures.map(({ code }) => code)).toEqual(["file-changed"]);
  expect(told.filter(({ event }) => event === "stored")).toMatchObject([{ name: "small" }]);
});

test("a file that has more than it promises fails by itself", async (context) => {
  if (!existsSync("/proc/self/status")) skipAloud(context, "there is no /proc");
  const work = new Workspace();
  const { port, queues } = await serveMinimal(work.path("spool"));
  const { failures } = await sendMinimal(port, ["/proc/self/status", work.write("small", "small")]);
  expect(failures.map(({ code }) => code)).toEqual(["file-changed"]);
  expect(queues.waiting("default")).toBe(1);
});

test("a server that knows none of our digests is told so, and the sender ends", async () => {
  const work = new Workspace();
  const port = await listenRaw(async (peer) => {
    await peer.until("hello");
    peer.send({ ...WELCOME, digests: ["sha3-512"] });
    await peer.closed;
  });
  const { failures } = await sendMinimal(port, [work.write("a", "a"), work.write("b", "b")]);
  expect(failures.map(({ code }) => code)).toEqual(["digest-unsupported", "digest-unsupported"]);
});

test("what a stranger says moves no cursor, and a name leads nowhere", async () => {
  const place = new Place();
  const port = await listenRaw(async (peer) => {
    await peer.until("hello");
    peer.send({ type: "error", code: "not-allowed", message: "\u001b[31mred\nstored    forged" });
    peer.socket.end();
  });
  writeFileSync(place.path("a"), "a");
  const program = place.script(MAIN, ["send", "--port", String(port), place.path("a")]);
  expect(await program.ended).toBe(4);
  expect(program.stdout.trim().split("\n")).toHaveLength(1);
  expect(program.stdout).not.toContain("\u001b");

  writeFileSync(place.path("victim"), "kept");
  const outside = ["send", "--port", String(port), "--name", "../victim", "-"];
  expect(await place.script(MAIN, outside).ended).toBe(4);
  expect(readFileSync(place.path("victim"), "utf8")).toBe("kept");
});

test("wrong usage ends with 2, and help that was asked for with 0", async () => {
  const place = new Place();
  for (const [words, code] of [
    [["sned", "x"], 2],
    [["send"], 2],
    [["serve", "--prot", "1"], 2],
    [["--help"], 0],
  ] as const) {
    const program = place.script(MAIN, [...words]);
    expect([words, await program.ended]).toEqual([words, code]);
    expect(program.stdout + program.stderr).not.toContain("    at ");
  }
});
