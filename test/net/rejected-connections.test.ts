/** How much a server says of those who are not let in, and of those who are and only make noise. */
import { describe, expect, test } from "vitest";
import type { ServerEvent } from "../../src/net/events.ts";
import { TokenGate } from "../../src/net/extensions/trust/token-gate.ts";
import { createToken } from "../../src/net/extensions/trust/tokens.ts";
import { TOLD_AT_ONCE } from "../../src/net/server/per-second.ts";
import { store } from "../spool/subject.ts";
import { frameOf, helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { type RunningServer, type ServerSetup, Workspace } from "../support/workspace.ts";

const CROWD = 40;
const sum = (events: { connections: number }[]) => events.reduce((all, { connections }) => all + connections, 0);

/** A hello with one bit changed. */
function damaged(): Buffer {
  const frame = frameOf(helloOf("sender"));
  frame.writeUInt8(frame.readUInt8(frame.length - 1) ^ 1, frame.length - 1);
  return frame;
}

async function guarded(work: Workspace, setup: ServerSetup = {}): Promise<RunningServer & { token: string }> {
  const file = work.path("tokens.json");
  const wish = { name: "t", queues: ["mine"], rights: ["collect"] as const, expiresAtMs: null };
  const { token } = await createToken(file, wish, Date.now());
  return { ...(await work.serve({ ...setup, gate: new TokenGate({ file }) })), token };
}

describe("whoever is not let in is told of once a second for each reason, with the number of them:", () => {
  const strangers: [string, (peer: RawPeer, token: string) => unknown, string[]][] = [
    ["no frames at all", (peer) => peer.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), ["not-filespool"]],
    ["another version", (peer) => peer.send(helloOf("sender", { versions: [7] })), ["version-unsupported"]],
    ["another first frame", (peer) => peer.send({ type: "bye" }), ["frame-unexpected"]],
    ["a damaged frame", (peer) => peer.write(damaged()), ["frame-damaged"]],
    ["half a frame", (peer) => peer.write(damaged().subarray(0, 20)).socket.end(), ["connection-lost"]],
    ["silence", () => {}, ["timed-out"]],
    ["no token, or a wrong one", (peer) => peer.send(helloOf("sender")), ["token-refused", "too-many-failures"]],
    ["a token for another queue", (peer, token) => peer.send(helloOf("receiver", { token })), ["not-allowed"]],
    ["an error of its own", (peer) => peer.send({ type: "error", code: "internal", message: "x" }), ["peer-failed"]],
  ];
  test.each(strangers)("%s", async (_, act, codes) => {
    const work = new Workspace();
    const { port, events, token, stop } = await guarded(work, { limits: { handshakeMs: 400 } });
    const peers = await Promise.all(Array.from({ length: CROWD }, () => RawPeer.connect(port)));
    for (const peer of peers) act(peer, token);
    if (!codes.includes("timed-out")) await Promise.all(peers.map((peer) => peer.ending()));
    await events.waitFor("turned-away", () => sum(events.all("turned-away")) > 0);
    if (codes.includes("timed-out")) await events.waitFor("turned-away", () => sum(events.all("turned-away")) >= CROWD);
    await stop(); // tells what is left
    const told = events.all("turned-away").filter(({ code }) => code !== "shutting-down");
    expect(sum(told)).toBe(CROWD);
    expect(new Set(told.map(({ code }) => code as string))).toEqual(new Set(codes));
    expect(told.length).toBeLessThan(CROWD / 2);
    expect(told.at(-1)?.peer).toMatch(/:\d+$/);
    // Nothing else was said of them, and no trouble of theirs looks like one of the server's.
    const others = events.events.filter(({ event }) => !["listening", "draining", "turned-away"].includes(event));
    expect(others).toEqual([]);
  });

  test("whoever comes and goes without a word is no news", async () => {
    const work = new Workspace();
    const { port, events, stop } = await work.serve();
    for (let number = 0; number < CROWD; number++) (await RawPeer.connect(port)).socket.end();
    await work.send({ port, files: [work.write("a", "a")] }).done;
    await stop();
    expect(events.all("turned-away")).toEqual([]);
  });

  test("sockets of those who do not close them are bounded as well", async () => {
    const work = new Workspace();
    const running = await work.serve({ limits: { connectionsMax: 5 } });
    const peers: RawPeer[] = [];
    for (let number = 0; number < CROWD; number++) {
      const peer = await RawPeer.connect(running.port);
      peers.push(peer.write("GET / HTTP/1.1\r\n\r\n"));
      await peer.next();
      expect(running.server.leaving).toBeLessThanOrEqual(5);
    }
    for (const { socket } of peers) socket.destroy();
    await Promise.all(peers.map(({ closed }) => closed));
    const patient = { port: running.port, connectRetryMs: 20_000 };
    expect(await work.send({ ...patient, files: [work.write("a", "a")] }).done).toMatchObject({ stored: 1 });
  });
});

describe("one connection that was let in", () => {
  const MANY = 5 * TOLD_AT_ONCE;
  const counted = (events: { more?: number }[]) => events.reduce((all, { more = 0 }) => all + 1 + more, 0);

  test("does not make a line of each offer that is refused", async () => {
    const work = new Workspace();
    const { port, events } = await work.serve();
    const peer = await RawPeer.connect(port);
    await peer.greet("sender");
    const about = { queue: "q", name: "../up", size: 1, algorithm: "sha256", wait: true };
    for (let number = 0; number < MANY; number++) peer.send({ type: "offer", transfer: idOf(number), ...about });
    for (let number = 0; number < MANY; number++) await peer.until("refuse");
    peer.send({ type: "bye" });
    await events.waitFor("disconnected");
    const told: Extract<ServerEvent, { event: "refused" }>[] = events.all("refused");
    expect(counted(told)).toBe(MANY);
    expect(told.length).toBeLessThan(MANY / 2);
  });

  test("does not make a line of each file that it gives back", async () => {
    const work = new Workspace();
    const { port, events, spool } = await work.serve();
    await store(spool, 1, 10);
    const peer = await RawPeer.connect(port);
    await peer.greet("receiver");
    for (let number = 0; number < MANY; number++) {
      const { delivery } = await peer.send({ type: "want", files: 1 }).until("deliver");
      peer.send({ type: "nack", delivery, counts: false, reason: "no" });
    }
    peer.send({ type: "bye" });
    await events.waitFor("disconnected");
    expect(counted(events.all("returned"))).toBe(MANY);
    expect(events.all("returned").length).toBeLessThan(MANY / 2);
  });
});
