import { renameSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isSame, MiB, namesIn, scratch, writeBig, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place } from "../support/process-program.ts";

const RESENT_MAX = 64 * MiB;

const folder = scratch();
let [big, medium] = ["", ""];
beforeAll(() => {
  big = writeBig(folder.path("big.bin"), 200 * MiB);
  medium = writeBig(folder.path("medium.bin"), 40 * MiB);
});
afterAll(() => folder.remove());

test("a receiver killed at any byte goes on from there when the same command is run again", async () => {
  const place = new Place();
  const server = await place.serve();
  await place.run(place.send(server.port, big));
  const gate = await Gate.before(server.port);
  let from = 0;
  for (const bytes of [600, 3 * MiB, 33 * MiB + 1, 64 * MiB, 90 * MiB]) {
    const shut = gate.shutAfter(bytes, "down");
    const receiver = place.receive(gate.port);
    await receiver.during(shut);
    expect(await receiver.kill()).toBe("SIGKILL");
    expect(receiver.all("landed")).toEqual([]);
    // Nobody sees a file that is incomplete: its bytes are under a name of our own.
    expect(namesIn(place.path("inbox")).filter((name) => !name.startsWith(".filespool"))).toEqual([]);
    const offset = receiver.all("resumed")[0]?.offset ?? 0;
    expect(offset, "resumed at").toBeGreaterThanOrEqual(from - RESENT_MAX);
    from = offset + bytes;
    gate.cut();
    gate.open();
  }

  const receiver = await place.run(place.receive(gate.port));
  const { offset } = await receiver.seen("resumed");
  expect(offset).toBeGreaterThanOrEqual(from - RESENT_MAX);
  expect(receiver.all("landed")).toMatchObject([{ name: "big.bin", skipped: false }]);
  expect(await receiver.seen("done")).toMatchObject({ landed: 1, failed: 0 });
  expect(namesIn(place.path("inbox"))).toEqual(["big.bin"]);
  expect(isSame(big, place.path("inbox/big.bin"))).toBe(true);
});

test.each([
  ["large", "ack", "stays"],
  ["large", "answer to its ack", "is moved away"],
  ["small", "ack", "is moved away"],
  ["small", "answer to its ack", "stays"],
])(
  "a %s file lands once when its receiver is killed with the %s under way, and the file %s",
  async (kind, lost, fate) => {
    const place = new Place();
    const server = await place.serve();
    const gate = await Gate.before(server.port);
    const inbox = place.path("inbox");
    const killed = place.receive(gate.port, "--follow", "--if-exists", "rename");
    // With one file behind it, it has asked for more already: all that it has yet to send is its answers.
    await place.run(place.send(server.port, writeSmall(place.path("first.txt"), "first")));
    await killed.seen("acked");
    const path = kind === "large" ? medium : writeSmall(place.path("small.txt"), "small");
    const begun = gate.shutAfter(kind === "large" ? MiB : 1, "down");
    await place.run(place.send(server.port, path));
    await killed.during(begun);
    gate.shut("up");
    gate.open("down");
    const landed = await killed.seen(({ event, name }) => event === "landed" && name === basename(path));
    if (lost !== "ack") {
      gate.shut("down");
      gate.open("up");
      await server.seen(({ event, name }) => event === "acked" && name === landed.name);
    }
    await killed.kill();
    gate.cut();
    gate.open();
    if (fate !== "stays") renameSync(landed.path, place.path("elsewhere"));

    const receiver = await place.run(place.receive(gate.port, "--if-exists", "rename"));
    expect(receiver.all("landed")).toEqual([]);
    expect(await receiver.seen("done")).toMatchObject({ landed: 0, skipped: 0, failed: 0 });
    expect(isSame(path, fate === "stays" ? landed.path : place.path("elsewhere"))).toBe(true);
    expect(namesIn(inbox)).toEqual(fate === "stays" ? ["first.txt", landed.name] : ["first.txt"]);
    const later = await place.run(place.receive(server.port));
    expect(later.all("delivered")).toEqual([]);
  },
);
