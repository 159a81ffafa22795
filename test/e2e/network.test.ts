/** Bad networks between the real programs: what is cut, damaged, slow or silent. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { CuttingProxy, type Fault } from "../support/cutting-proxy.ts";
import { isSame, KiB, MiB, namesIn, random, scratch, writeBig } from "../support/process-files.ts";
import { anonymousBytes, hasProc } from "../support/process-memory.ts";
import { Place } from "../support/process-program.ts";
import { dataFrameOf, frameOf, helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { type Link, slowLink } from "../support/slow-link.ts";

const SEED = Number(process.env.FILESPOOL_SEED);
const FAULTS = 12;
const SIZES = [0, 1, 700, 4 * KiB, 64 * KiB, 64 * KiB + 1, 300 * KiB, 5 * MiB];

const folder = scratch();
const files: string[] = [];
let big = "";
beforeAll(() => {
  for (const [number, size] of SIZES.entries()) files.push(writeBig(folder.path(`${number}`), size, number + 1));
  big = writeBig(folder.path("big"), 32 * MiB);
});
afterAll(() => folder.remove());

const totalBytes = SIZES.reduce((sum, size) => sum + size, 0);

/** A proxy whose first connections each have a fault somewhere on the way of all files, and the others none. */
function faultyProxy(port: number, direction: Fault["direction"], hows: Fault["how"][], next: () => number) {
  return CuttingProxy.start(port, (connection) => {
    if (connection > FAULTS) return null;
    const how = hows[connection % hows.length] as Fault["how"];
    // Now and then in the answers; and half of them within the first frames, where a conversation has most of its states.
    if (next() < 0.2) return { direction: direction === "up" ? "down" : "up", after: Math.floor(next() * 600), how };
    return { direction, after: Math.floor(next() * (connection % 2 ? totalBytes / 8 : 2 * KiB)), how };
  });
}

function expectAllThere(place: Place): void {
  expect(namesIn(place.path("inbox"))).toEqual(SIZES.map((_, number) => `${number}`));
  for (const [number, file] of files.entries()) expect(isSame(file, place.path("inbox", `${number}`))).toBe(true);
}

test.each<[string, Fault["how"][]]>([
  ["cut", ["reset", "end", "vanish"]],
  ["damaged", ["flip"]],
])("connections that are %s again and again bring every file once, byte by byte", async (_, hows) => {
  const place = new Place();
  const next = random(SEED);
  const server = await place.serve();
  const up = await faultyProxy(server.port, "up", hows, next);
  const sender = await place.run(place.send(up.port, "--retry", "5m", ...files));
  expect(
    sender
      .all("stored")
      .map(({ name }) => name)
      .sort(),
  ).toEqual(SIZES.map((_, number) => `${number}`));
  const down = await faultyProxy(server.port, "down", hows, next);
  const receiver = await place.run(place.receive(down.port, "--retry", "5m"));
  expectAllThere(place);
  expect(receiver.all("landed")).toHaveLength(SIZES.length);
  expect(namesIn(place.path("spool/data"))).toEqual([]);
  expect(server.all("error")).toEqual([]);
  const causes = [sender, receiver].flatMap((program) => program.all("retrying").map(({ code }) => code));
  console.log(`seed ${SEED}: ${up.connections} and ${down.connections} connections; ${causes.join(", ")}`);
});

test.skipIf(!hasProc)("a slow peer neither keeps others waiting nor costs the server memory", async () => {
  const place = new Place();
  const server = await place.serve();
  const link: Link = { bytesPerSecond: 512 * KiB, latencyMs: 5 };
  const slow = await slowLink(server.port, link);
  await place.run(place.send(server.port, "--queue", "warm", big));
  await place.run(place.send(server.port, "--queue", "slow", big));
  const before = anonymousBytes(server.pid);
  const slowSender = place.send(slow, "--queue", "up", big);
  const slowReceiver = place.receive(slow, "--queue", "slow", "--out", place.path("slow"));
  await Promise.all([slowSender.seen("offered"), slowReceiver.seen("delivered")]);
  const others = Array.from({ length: 3 }, async (_, number) => {
    const queue = ["--queue", `q${number}`];
    await place.run(place.send(server.port, ...queue, big));
    await place.run(place.receive(server.port, ...queue, "--out", place.path(`${number}`)));
    expect(isSame(big, place.path(`${number}`, "big"))).toBe(true);
  });
  let highest = 0;
  const watch = setInterval(() => {
    highest = Math.max(highest, anonymousBytes(server.pid));
  }, 50);
  await Promise.all(others).finally(() => clearInterval(watch));
  // Neither of the slow ones has ended: whoever came later was not kept behind them.
  expect([slowSender.all("done"), slowReceiver.all("done")]).toEqual([[], []]);
  Object.assign(link, { bytesPerSecond: Infinity, latencyMs: 0 });
  await Promise.all([place.run(slowSender), place.run(slowReceiver)]);
  expect(isSame(big, place.path("slow", "big"))).toBe(true);
  console.log(`the server's memory grew by ${((highest - before) / MiB).toFixed(1)} MiB`);
  expect(highest - before).toBeLessThan(120 * MiB);
});

test("who falls silent, or never comes to the end of a frame, is dropped in the stated time; the file goes on", async () => {
  const place = new Place();
  const server = await place.serve();
  const began = performance.now();
  const helloFrom = (number: number) => frameOf(helloOf("sender", { peer: idOf(number) }));
  const offer = frameOf({
    ...{ type: "offer", transfer: idOf(7), queue: "loris", name: "loris", size: MiB, algorithm: "sha256", wait: true },
  });
  const data = dataFrameOf(0, new Uint8Array(2 * KiB));
  /** Connects, says `whole`, then one byte of `slowly` every half second. */
  const loris = async (whole: Uint8Array, slowly: Uint8Array, code: string, limitMs: number) => {
    const peer = await RawPeer.connect(server.port);
    peer.write(whole);
    let at = 0;
    const drip = setInterval(() => at < slowly.length && peer.write(slowly.subarray(at, ++at)), 500);
    expect(await peer.ending().finally(() => clearInterval(drip))).toBe(code);
    expect(performance.now() - began).toBeGreaterThan(limitMs - 1000);
    expect(performance.now() - began).toBeLessThan(limitMs * 2 + 20_000);
  };
  // The cable of these two is pulled: neither end hears of it.
  const frozen = (direction: Fault["direction"]) =>
    CuttingProxy.start(server.port, (connection) =>
      connection === 1 ? { direction, after: 9 * MiB, how: "freeze" } : null,
    );
  const [up, down] = [await frozen("up"), await frozen("down")];
  await place.run(place.send(server.port, "--queue", "down", big));
  const sender = place.send(up.port, "--queue", "up", "--retry", "5m", big);
  const receiver = place.receive(down.port, "--queue", "down");
  await Promise.all([
    loris(new Uint8Array(), helloFrom(1), "timed-out", LIMITS.handshakeMs),
    loris(helloFrom(2), offer.subarray(0, 23), "stalled", LIMITS.stallMs),
    loris(Buffer.concat([helloFrom(3), offer]), data, "stalled", LIMITS.stallMs),
    loris(helloFrom(4), new Uint8Array(), "timed-out", LIMITS.idleMs),
    place.run(sender),
    place.run(receiver),
  ]);
  for (const client of [sender, receiver]) expect(client.all("retrying")[0]?.code).toMatch(/timed-out|stalled/);
  expect(isSame(big, place.path("inbox", "big"))).toBe(true);
});
