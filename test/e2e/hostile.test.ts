import { expect, test } from "vitest";
import { FLAG_OPTIONAL, FRAMES } from "../../src/protocol/frame.ts";
import { forgeFrame } from "../protocol/wire.ts";
import { isSame, KiB, MiB, namesIn, noise, writeBig } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { anonymousBytes, hasProc } from "../support/process-memory.ts";
import { Place } from "../support/process-program.ts";
import { dataFrameOf, frameOf, helloOf, idOf, RawPeer } from "../support/raw-peer.ts";

const hello = frameOf(helloOf("sender"));
const after = (bytes: Uint8Array) => Buffer.concat([hello, bytes]);

const ATTACKS: [what: string, bytes: Uint8Array, answer: string][] = [
  ["noise", noise(100 * KiB, 5), "not-filespool"],
  ["a web browser", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "not-filespool"],
  ["half a frame and then the end", hello.subarray(0, -1), "connection-lost"],
  ["a damaged header", Buffer.from(hello).fill(9, 5, 6), "frame-damaged"],
  ["a frame of four GiB", forgeFrame({ type: FRAMES.hello, length: 0xffffffff }), "frame-too-large"],
  ["a version from the future", frameOf(helloOf("sender", { versions: [99] })), "version-unsupported"],
  ["a frame that nobody knows", after(forgeFrame({ type: 0x7f })), "frame-unknown"],
  ["an empty data frame", after(forgeFrame({ type: FRAMES.data })), "message-invalid"],
  ["data that nobody asked for", after(dataFrameOf(0, noise(KiB, 6))), "frame-unexpected"],
  ["a second hello", after(hello), "frame-unexpected"],
];

test("garbage and silence get the right answer, while the transfers of others go on", async () => {
  const place = new Place();
  const server = await place.serve();
  const gate = await Gate.before(server.port);
  const big = writeBig(place.path("big"), 40 * MiB);
  const shut = gate.shutAfter(20 * MiB, "up");
  const sender = place.send(gate.port, big);
  await sender.during(shut);
  const silent = await Promise.all(Array.from({ length: 50 }, () => RawPeer.connect(server.port)));
  for (const [what, bytes, answer] of ATTACKS) {
    const peer = await RawPeer.connect(server.port);
    peer.write(bytes).socket.end();
    expect(await peer.ending(), what).toBe(answer);
  }
  gate.open();
  await place.run(sender);
  const receiver = await place.run(place.receive(server.port));
  expect(receiver.all("landed")).toHaveLength(1);
  expect(isSame(big, place.path("inbox/big"))).toBe(true);
  expect(namesIn(place.path("spool/data"))).toEqual([]);
  // In ten seconds without a first frame, those who say nothing are told why they have to go.
  for (const peer of silent) expect(await peer.ending()).toBe("timed-out");
  expect(server.all("error")).toEqual([]);
});

const FLOODS: [what: string, frame: Uint8Array][] = [
  ["pings", frameOf({ type: "ping" })],
  ["empty data frames", forgeFrame({ type: FRAMES.data })],
  ["frames that may be skipped", forgeFrame({ type: 0x7f, flags: FLAG_OPTIONAL })],
  ["data of one byte", dataFrameOf(0, new Uint8Array(1))],
];
const FRAMES_EACH = 250_000;
const BURST = 5_000;

test.skipIf(!hasProc)("a million frames that say nothing leave the server's memory where it was", async () => {
  const place = new Place();
  const server = await place.serve();
  /** Pours one kind of frame, over as many connections as the server ends meanwhile. Returns the highest memory seen. */
  const flood = async (frame: Uint8Array, frames: number): Promise<number> => {
    const burst = Buffer.alloc(frame.length * BURST, frame);
    let highest = 0;
    for (let sent = 0; sent < frames; sent += BURST) {
      const peer = await RawPeer.connect(server.port);
      const about = { transfer: idOf(sent + 1), queue: "default", name: "flood", size: MiB, algorithm: "sha256" };
      await peer.greet("sender");
      peer.send({ type: "offer", ...about, wait: true });
      await peer.until("accept");
      peer.write(burst);
      expect(["flood", "message-invalid"]).toContain(await peer.ending());
      peer.socket.destroy();
      highest = Math.max(highest, anonymousBytes(server.pid));
    }
    return highest;
  };
  // The first of each kind make the engine compile what they touch, and grow its heap to a working size.
  for (const [, frame] of FLOODS) await flood(frame, 10 * BURST);
  const before = anonymousBytes(server.pid);
  for (const [what, frame] of FLOODS) {
    const grown = (await flood(frame, FRAMES_EACH)) - before;
    console.log(`${what}: ${FRAMES_EACH} frames, ${(grown / MiB).toFixed(1)} MiB more`);
    expect(grown, `bytes grown under ${what}`).toBeLessThan(48 * MiB);
  }
  await place.run(place.send(server.port, writeBig(place.path("normal"), MiB)));
});
