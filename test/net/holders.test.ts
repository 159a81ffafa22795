/** Whoever has a token, or had one, and wants more than it gives. */
import { describe, expect, test, vi } from "vitest";
import { FAILURES_MAX, FORGIVE_MS, TokenGate } from "../../src/net/extensions/trust/token-gate.ts";
import { createToken, revokeToken } from "../../src/net/extensions/trust/tokens.ts";
import type { Message, MessageOf } from "../../src/protocol/messages.ts";
import { OPERATE_SERVER } from "../../src/protocol/operate.ts";
import { store } from "../spool/subject.ts";
import { content } from "../support/content.ts";
import { helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const RIGHTS = ["send", "collect", "manage"] as const;
const MiB = 1024 * 1024;

/** A server that asks for tokens and a clock that stands still, with a way to make and to revoke them. */
async function guarded() {
  const work = new Workspace();
  const file = work.path("tokens.json");
  const clock = { nowMs: 1_000_000 };
  const issue = async (queue: string, rights: readonly (typeof RIGHTS)[number][] = RIGHTS) =>
    createToken(file, { name: queue, queues: [queue], rights, expiresAtMs: null }, clock.nowMs);
  const { token, record } = await issue("photos");
  const running = await work.serve({ gate: new TokenGate({ file, now: () => clock.nowMs }) });
  const come = async (role: MessageOf<"hello">["role"], queue: string, from = token): Promise<RawPeer> => {
    const peer = await RawPeer.connect(running.port);
    await peer.greet(role, { token: from, ...(role === "receiver" && { queue }) });
    return peer;
  };
  return { work, clock, token, issue, come, revoke: () => revokeToken(file, record.id), ...running };
}

/** What a server answers to a hello with that token. */
async function answerTo(port: number, token: string): Promise<string> {
  const peer = (await RawPeer.connect(port)).send(helloOf("sender", { token }));
  const first = await peer.next();
  peer.socket.destroy();
  return first?.type === "error" ? first.code : `${first?.type}`;
}

describe("whoever guesses tokens", () => {
  test("gets no more tries by coming over many connections at a time", async () => {
    const { port } = await guarded();
    const answers = await Promise.all(Array.from({ length: 60 }, (_, at) => answerTo(port, `wrong-${at}`)));
    expect(answers.filter((code) => code === "token-refused")).toHaveLength(FAILURES_MAX);
    expect(answers.filter((code) => code === "too-many-failures")).toHaveLength(60 - FAILURES_MAX);
  });

  test("gets no more tries by coming with a right one in between", async () => {
    const { port, token, clock } = await guarded();
    for (let time = 0; time < FAILURES_MAX; time++) {
      expect(await answerTo(port, "wrong")).toBe("token-refused");
      expect(await answerTo(port, token)).toBe(time < FAILURES_MAX - 1 ? "welcome" : "too-many-failures");
    }
    // What is forgiven is one try at a time, also for whoever has a right one.
    clock.nowMs += FORGIVE_MS;
    expect(await answerTo(port, token)).toBe("welcome");
    expect([await answerTo(port, "wrong"), await answerTo(port, token)]).toEqual([
      "token-refused",
      "too-many-failures",
    ]);
  });

  test("gets no more tries by coming as sender, receiver and operator in turn, or by hanging up first", async () => {
    const { port } = await guarded();
    for (let time = 0; time < FAILURES_MAX; time++) {
      const role = (["sender", "receiver", "operator"] as const)[time % 3] as MessageOf<"hello">["role"];
      const peer = (await RawPeer.connect(port)).send(helloOf(role, { token: "wrong" }));
      peer.socket.end();
      await peer.ending();
    }
    expect(await answerTo(port, "wrong")).toBe("too-many-failures");
  });

  test("does not end what was let in before it began", async () => {
    const { port, come } = await guarded();
    const honest = await come("sender", "photos");
    for (let time = 0; time <= FAILURES_MAX; time++) await answerTo(port, "wrong");
    const about = { transfer: idOf(1), queue: "photos", name: "a", size: MiB, algorithm: "sha256", wait: true };
    expect(await honest.send({ type: "offer", ...about }).until("accept")).toMatchObject({ offset: 0 });
  });
});

test("an invite that is revoked while it is used ends each kind of connection, and opens none anew", async () => {
  const { port, come, spool, revoke, token, events } = await guarded();
  await store(spool, 1, 10 * MiB, { queue: "photos" });
  await store(spool, 2, 10, { queue: "photos" });
  const uploading = await come("sender", "photos");
  const about = { transfer: idOf(7), queue: "photos", name: "a", size: MiB, algorithm: "sha256", wait: true };
  await uploading.send({ type: "offer", ...about }).until("accept");
  uploading.sendData(0, content(64 * 1024));
  const collecting = await come("receiver", "photos");
  const { delivery } = await collecting.send({ type: "want", files: 1 }).until("deliver");
  await collecting.send({ type: "start", delivery, offset: 0 }).until("data");
  const waiting = await come("receiver", "photos");
  await waiting.send({ type: "want", files: 2 }).until("empty");
  const looking = await come("operator", "photos");
  looking.send({ type: "show", transfer: idOf(2), look: 1, waitMs: 60_000 });
  const all = { uploading, collecting, waiting, looking };
  await revoke();
  for (const [who, peer] of Object.entries(all)) expect(await peer.ending(), who).toBe("token-refused");
  expect(await answerTo(port, token)).toBe("token-refused");
  await events.waitFor("disconnected", () => events.all("disconnected").length === 4);
  // Nothing was stored by it and nothing taken: what was with it waits for others.
  expect(spool.waiting("photos")).toBe(2);
  const freed = (await spool.lease("photos")) ?? { transfer: "none" };
  expect([idOf(1), idOf(2)]).toContain(freed.transfer);
});

describe("whoever may do everything in one queue", () => {
  const orders: { readonly [order: string]: readonly Message[] } = {
    list: (["files", "dead", "uploads"] as const).map((what) => ({ type: "list", what, queue: "secret" })),
    cancel: [{ type: "cancel", transfer: idOf(2) }],
    requeue: [
      { type: "requeue", queue: "secret" },
      { type: "requeue", transfer: idOf(2) },
    ],
    purge: [true, false].map((deadOnly) => ({ type: "purge", queue: "secret", deadOnly })),
  };

  test("gets no order carried out in another, and each order that there is was tried", async () => {
    const { come, spool } = await guarded();
    await store(spool, 2, 10, { queue: "secret" });
    const known = Object.keys(OPERATE_SERVER.ready).filter((event) => !["seen", "bye", "show"].includes(event));
    expect(Object.keys(orders).sort()).toEqual(known.sort());
    const operator = await come("operator", "photos");
    for (const order of Object.values(orders).flat()) {
      const refused = await operator.send(order).until("refuse");
      expect(["not-allowed", "transfer-unknown"], JSON.stringify(order)).toContain(refused.code);
      expect(refused.message).not.toMatch(order.type === "cancel" || "transfer" in order ? /secret/ : /file-2/);
    }
    const { state, queue } = await operator.send({ type: "show", transfer: idOf(2), look: 1 }).until("state");
    expect([state, queue]).toEqual(["unknown", undefined]);
    expect([spool.waiting("secret"), spool.bytesUsed()]).toEqual([1, 10]);
  });

  test("gets no row of another by a cursor that was made up", async () => {
    const { come, spool } = await guarded();
    for (const number of [2, 3]) await store(spool, number, 10, { queue: "secret" });
    const cursors = [
      "0",
      "-1",
      "1e3",
      "999999999999999",
      "secret",
      "secrett",
      "secre",
      "photos",
      "\uffff",
      "../x",
      " ",
    ];
    for (const what of ["queues", "files", "dead", "uploads"] as const)
      for (const cursor of cursors) {
        const operator = await come("operator", "photos");
        operator.send({ type: "list", what, cursor, ...(what !== "queues" && { queue: "photos" }) });
        for (let frame = await operator.next(); frame && frame.type !== "page"; frame = await operator.next()) {
          expect(["error", "refuse"], `${what} from ${cursor}`).toContain(frame.type);
          if (frame.type === "error") break;
        }
      }
  });

  test("neither collects nor sends in another, whatever its hello said", async () => {
    const { port, come, token } = await guarded();
    const receiver = (await RawPeer.connect(port)).send(helloOf("receiver", { token, queue: "secret" }));
    expect(await receiver.ending()).toBe("not-allowed");
    const sender = await come("sender", "photos");
    const about = { transfer: idOf(9), queue: "secret", name: "a", size: 1, algorithm: "sha256", wait: false };
    sender.send({ type: "offer", ...about }).sendData(0, content(1));
    expect(await sender.until("refuse")).toMatchObject({ about: idOf(9), code: "not-allowed" });
  });

  test("neither settles nor holds a delivery of another by guessing its token", async () => {
    const { come, spool, issue } = await guarded();
    const renew = vi.spyOn(spool, "renew");
    for (const number of [1, 2]) await store(spool, number, MiB, { queue: "secret" });
    const owner = await come("receiver", "secret", (await issue("secret")).token);
    const { delivery } = await owner.send({ type: "want", files: 1 }).until("deliver");
    const stranger = await come("receiver", "photos");
    const attempts: Message[] = [
      { type: "start", delivery, offset: 0 },
      { type: "nack", delivery, counts: true, reason: "mine" },
      { type: "nack", delivery, counts: false, reason: "mine" },
      { type: "ack", delivery },
    ];
    stranger.send({ type: "working", delivery });
    for (const attempt of attempts)
      expect(await stranger.send(attempt).until("refuse")).toMatchObject({ about: delivery, code: "lease-lost" });
    expect(renew).not.toHaveBeenCalled();
    await owner.send({ type: "working", delivery }, { type: "ack", delivery }).until("acked");
    expect(renew).toHaveBeenCalledWith(delivery);
    expect(spool.waiting("secret")).toBe(1);
  });
});
