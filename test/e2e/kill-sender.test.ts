import { afterAll, beforeAll, expect, test } from "vitest";
import { isSame, MiB, namesIn, scratch, writeBig } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place } from "../support/process-program.ts";

const SIZE = 200 * MiB;
const RESENT_MAX = 64 * MiB;

const folder = scratch();
let [big, medium] = ["", ""];
beforeAll(() => {
  big = writeBig(folder.path("big.bin"), SIZE);
  medium = writeBig(folder.path("medium.bin"), 40 * MiB);
});
afterAll(() => folder.remove());

test("a sender killed at any byte goes on from there when the same command is run again", async () => {
  const place = new Place();
  const server = await place.serve();
  const gate = await Gate.before(server.port);
  let from = 0;
  // Bytes on the wire of each run until its kill: inside the first frames, then ever further.
  for (const bytes of [400, 3 * MiB, 33 * MiB + 1, 64 * MiB, 90 * MiB]) {
    const shut = gate.shutAfter(bytes, "up");
    const sender = place.send(gate.port, big);
    await sender.during(shut);
    expect(await sender.kill()).toBe("SIGKILL");
    expect(sender.all("stored")).toEqual([]);
    const [resumed] = sender.all("resumed");
    const offset = resumed?.offset ?? 0;
    expect(offset, "resent").toBeGreaterThanOrEqual(from - RESENT_MAX);
    if (from > 3 * MiB) expect(offset).toBeGreaterThan(0);
    from = offset + bytes;
    gate.cut();
    gate.open();
  }

  const sender = await place.run(place.send(gate.port, big));
  const resumed = await sender.seen("resumed");
  expect(resumed.offset).toBeGreaterThanOrEqual(from - RESENT_MAX);
  expect(sender.all("stored")).toMatchObject([{ name: "big.bin", size: SIZE, repeated: false }]);
  expect(await sender.seen("done")).toMatchObject({ stored: 1, repeated: 0, failed: 0 });

  const receiver = await place.run(place.receive(server.port));
  expect(receiver.all("landed")).toHaveLength(1);
  expect(namesIn(place.path("inbox"))).toEqual(["big.bin"]);
  expect(isSame(big, place.path("inbox/big.bin"))).toBe(true);
});

test("a sender killed before it heard that its file is stored does not store it again", async () => {
  const place = new Place();
  const server = await place.serve();
  const gate = await Gate.before(server.port);
  const shut = gate.shutAfter(20 * MiB, "up");
  const killed = place.send(gate.port, medium);
  await killed.during(shut);
  gate.shut("down");
  gate.open("up");
  const stored = await server.seen("stored");
  expect(await killed.kill()).toBe("SIGKILL");
  expect(killed.all("stored")).toEqual([]);
  gate.cut();
  gate.open();

  const sender = await place.run(place.send(gate.port, medium));
  const { transfer, digest } = stored;
  expect(sender.all("stored")).toMatchObject([{ transfer, digest, repeated: true, collected: false }]);
  expect(await sender.seen("done")).toMatchObject({ stored: 0, repeated: 1 });
  const receiver = await place.run(place.receive(server.port));
  expect(receiver.all("landed")).toMatchObject([{ transfer, digest }]);
});

test("a stored file is stored again only with --again, also after it was collected", async () => {
  const place = new Place();
  const server = await place.serve();
  await place.run(place.send(server.port, medium));
  const before = await place.run(place.send(server.port, medium));
  expect(before.all("stored")).toMatchObject([{ repeated: true, collected: false }]);
  expect(before.all("progress")).toEqual([]);
  await place.run(place.send(server.port, "--again", medium));

  const receiver = await place.run(place.receive(server.port, "--if-exists", "rename"));
  expect(receiver.all("landed").map(({ path }) => path)).toEqual([
    place.path("inbox/medium.bin"),
    place.path("inbox/medium (1).bin"),
  ]);
  for (const name of namesIn(place.path("inbox"))) expect(isSame(medium, place.path("inbox", name)), name).toBe(true);

  const after = await place.run(place.send(server.port, medium));
  expect(after.all("stored")).toMatchObject([{ repeated: true, collected: true }]);
  const nothing = await place.run(place.receive(server.port));
  expect(await nothing.seen("done")).toMatchObject({ landed: 0 });
});

test("the newest sender of a file takes over from one that is still connected", async () => {
  const place = new Place();
  const server = await place.serve();
  const gate = await Gate.before(server.port);
  const shut = gate.shutAfter(30 * MiB, "up");
  const older = place.send(gate.port, medium);
  await older.during(shut);
  const newer = await place.run(place.send(server.port, medium));
  expect((await newer.seen("resumed")).offset).toBeGreaterThan(0);
  expect(newer.all("stored")).toMatchObject([{ repeated: false }]);
  gate.open();
  expect(await older.ended).toBe(4);
  expect(await older.seen("error")).toMatchObject({ code: "superseded" });
});
