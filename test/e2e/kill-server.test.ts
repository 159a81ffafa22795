import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isSame, MiB, namesIn, scratch, writeBig, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { type Event, Place } from "../support/process-program.ts";

const RESENT_MAX = 64 * MiB;

const folder = scratch();
let [big, medium] = ["", ""];
beforeAll(() => {
  big = writeBig(folder.path("big.bin"), 200 * MiB);
  medium = writeBig(folder.path("medium.bin"), 40 * MiB);
});
afterAll(() => folder.remove());

/** Bytes that pass between two kills; the last kill is close to the end of the file. */
const STEPS = [30 * MiB, 67 * MiB + 1, 90 * MiB];

/** Checks that each resume lost no more than it may: `STEPS` had passed since the one before. */
function expectLittleResent(resumes: readonly Event[]): void {
  let from = 0;
  expect(resumes).toHaveLength(STEPS.length);
  for (const [index, { offset }] of resumes.entries()) {
    const reached = from + (STEPS[index] as number);
    expect(offset, `resumed after ${reached}`).toBeGreaterThanOrEqual(Math.max(1, reached - RESENT_MAX));
    from = offset;
  }
}

test("a sender completes although its server is killed again and again", async () => {
  const place = new Place();
  let server = await place.serve();
  const gate = await Gate.before(server.port);
  let shut = gate.shutAfter(200, "up");
  const sender = place.send(gate.port, big);
  for (const next of [...STEPS, Infinity]) {
    await sender.during(shut);
    await server.kill();
    gate.cut();
    shut = gate.shutAfter(next, "up");
    server = await place.serve();
    gate.target = server.port;
  }
  await place.run(sender);
  expectLittleResent(sender.all("resumed"));
  expect(sender.all("stored")).toMatchObject([{ name: "big.bin", repeated: false }]);
  expect(await sender.seen("done")).toMatchObject({ stored: 1, repeated: 0, failed: 0 });

  const receiver = await place.run(place.receive(server.port));
  expect(receiver.all("landed")).toHaveLength(1);
  expect(isSame(big, place.path("inbox/big.bin"))).toBe(true);
});

test("a receiver completes although its server is killed again and again", async () => {
  const place = new Place();
  let server = await place.serve();
  await place.run(place.send(server.port, big));
  const gate = await Gate.before(server.port);
  let shut = gate.shutAfter(200, "down");
  const receiver = place.receive(gate.port, "--retry", "1m");
  for (const next of [...STEPS, Infinity]) {
    await receiver.during(shut);
    await server.kill();
    gate.cut();
    shut = gate.shutAfter(next, "down");
    server = await place.serve();
    gate.target = server.port;
  }
  await place.run(receiver);
  expectLittleResent(receiver.all("resumed"));
  expect(receiver.all("landed")).toHaveLength(1);
  expect(await receiver.seen("done")).toMatchObject({ landed: 1, failed: 0 });
  expect(namesIn(place.path("inbox"))).toEqual(["big.bin"]);
  expect(isSame(big, place.path("inbox/big.bin"))).toBe(true);
});

test("clients that are connected, and clients that are not yet, find a server that comes back at its address", async () => {
  const place = new Place();
  const server = await place.serve();
  const receiver = place.receive(server.port, "--follow");
  await receiver.seen("connected");
  await server.kill();
  const sender = place.send(server.port, "--retry", "1m", medium);
  for (const client of [receiver, sender]) await client.seen("retrying");
  await place.serve("--port", String(server.port));
  await place.run(sender);
  await receiver.seen("acked");
  expect(isSame(medium, place.path("inbox/medium.bin"))).toBe(true);
});

test("what was reported stored is there after the server was killed in that moment", async () => {
  const place = new Place();
  const paths = Array.from({ length: 20 }, (_, i) => writeSmall(place.path(`${i}.txt`), `file ${i}`));
  // Each round ends with the kill, in the moment in which the sender says of one more file that it is stored.
  const stored: string[] = [];
  for (const [index, path] of [...paths.slice(0, 2), medium].entries()) {
    const server = await place.serve();
    const sender = place.send(server.port, "--retry", "0", path, ...paths.slice(2 + 6 * index, 8 + 6 * index));
    const { name } = await sender.seen("stored");
    await server.kill();
    await sender.ended;
    stored.push(...sender.all("stored").map((event) => event.name));
    expect(stored).toContain(name);
  }
  const server = await place.serve();
  const receiver = await place.run(place.receive(server.port));
  const landed = receiver.all("landed").map(({ name }) => name);
  // More may have been stored than was heard of; nothing that was heard of may be missing, and nothing may be twice.
  expect(landed).toEqual(expect.arrayContaining(stored));
  expect(new Set(landed).size).toBe(landed.length);
  expect(isSame(medium, place.path("inbox/medium.bin"))).toBe(true);
});

test("a sender whose answer was lost with the server stores its file once", async () => {
  const place = new Place();
  let server = await place.serve();
  const gate = await Gate.before(server.port);
  const shut = gate.shutAfter(20 * MiB, "up");
  const sender = place.send(gate.port, medium);
  await sender.during(shut);
  gate.shut("down");
  gate.open("up");
  await server.seen("stored");
  await server.kill();
  gate.cut();
  gate.open();
  server = await place.serve();
  gate.target = server.port;
  await place.run(sender);
  expect(sender.all("stored")).toMatchObject([{ repeated: false }]);
  const receiver = await place.run(place.receive(server.port, "--if-exists", "rename"));
  expect(receiver.all("landed")).toHaveLength(1);
});

test("a receiver whose ack was lost with the server lands its file once, also when it is moved away meanwhile", async () => {
  const place = new Place();
  let server = await place.serve();
  await place.run(place.send(server.port, medium));
  const gate = await Gate.before(server.port);
  const shut = gate.shutAfter(20 * MiB, "down");
  const receiver = place.receive(gate.port);
  await receiver.during(shut);
  gate.shut("up");
  gate.open("down");
  const { path } = await receiver.seen("landed");
  await server.kill();
  expect(isSame(medium, path)).toBe(true);
  rmSync(path);
  gate.cut();
  gate.open();
  server = await place.serve();
  gate.target = server.port;
  await place.run(receiver);
  expect(receiver.all("landed")).toHaveLength(1);
  expect(namesIn(place.path("inbox"))).toEqual([]);
  const again = await place.run(place.receive(server.port));
  expect(again.all("delivered")).toEqual([]);
});
