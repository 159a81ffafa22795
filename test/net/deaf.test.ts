/** Whoever asks over TLS and never reads the answers: what the server holds for it is bounded, and ends. */
import { expect, test } from "vitest";
import { FRAMES } from "../../src/protocol/frame.ts";
import { store } from "../spool/subject.ts";
import { encrypted, encryptedPeer } from "../support/encrypted.ts";
import { usedBytes } from "../support/memory.ts";
import { frameOf, idOf } from "../support/raw-peer.ts";

const MiB = 1024 * 1024;
/** Two buffers of the kernel at their largest, a window, and what is being read. */
const ON_THE_WAY_MAX = 20 * MiB;
const LIMITS = { heartbeatMs: 200, idleMs: 60_000, stallMs: 400, bytesPerSecondMin: 100 * MiB };

test("a receiver that takes nothing of a large file makes the server read no further ahead than a window", async () => {
  const { running, port } = await encrypted({ limits: LIMITS });
  await store(running.spool, 1, 64 * MiB);
  const deaf = await encryptedPeer(port);
  await deaf.greet("receiver");
  const { delivery } = await deaf.send({ type: "want", files: 1 }).until("deliver");
  deaf.socket.pause();
  deaf.send({ type: "start", delivery, offset: 0 });
  expect((await running.events.waitFor("disconnected")).code).toBe("stalled");
  // Handed to the socket, whether it took them or not.
  const { sent } = running.server.traffic();
  expect(sent).toBeGreaterThan(MiB);
  expect(sent).toBeLessThan(ON_THE_WAY_MAX);
  expect(await running.spool.lease("default")).toMatchObject({ transfer: idOf(1), attempt: 1 });
});

test("an operator that asks and asks makes the server stop reading", async () => {
  const { running, port } = await encrypted({ limits: LIMITS });
  const deaf = await encryptedPeer(port);
  await deaf.greet("operator");
  deaf.socket.pause();
  const before = await usedBytes();
  const asked = frameOf({ type: "requeue", transfer: idOf(1) });
  expect(asked[2]).toBe(FRAMES.requeue);
  const questions = Buffer.alloc(asked.length * 1000, asked);
  let peak = 0;
  while (await deaf.pour(questions, 20)) peak = Math.max(peak, (await usedBytes()) - before);
  // This process is the peer as well, and holds what it has not got rid of.
  expect(peak).toBeLessThan(16 * MiB);
  expect((await running.events.waitFor("disconnected")).code).toBe("stalled");
});
