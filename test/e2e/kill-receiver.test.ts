import { renameSync } from "node:fs";
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
  const gate = await Gate.open(server.port);
  let from = 0;
  for (const bytes of [1, 600, 3 * MiB, 20 * MiB + 1, 33 * MiB, 64 * MiB, 70 * MiB]) {
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
    gate.release();
  }

  const receiver = await place.run(place.receive(gate.port));
  const { offset } = await receiver.seen("resumed");
  expect(offset).toBeGreaterThanOrEqual(from - RESENT_MAX);
  expect(receiver.all("landed")).toMatchObject([{ name: "big.bin", skipped: false }]);
  expect(await receiver.seen("done")).toMatchObject({ landed: 1, failed: 0 });
  expect(namesIn(place.path("inbox"))).toEqual(["big.bin"]);
  expect(isSame(big, place.path("inbox/big.bin"))).toBe(true);
});

// Small files land from memory, large ones from a part file; the folder is synced in either case.
for (const kind of ["large", "small"] as const) {
  for (const fate of ["left where it is", "moved away"] as const) {
    test(`a ${kind} file that landed before its receiver was killed lands no second time when ${fate}`, async () => {
      const place = new Place();
      const server = await place.serve();
      const path = kind === "large" ? medium : writeSmall(place.path("small.txt"), "small");
      await place.run(place.send(server.port, path));
      const gate = await Gate.open(server.port);
      const killed = place.receive(gate.port, "--if-exists", "rename");
      await killed.seen("connected");
      // The hello has passed; `want` may pass or not, so let it, and hold back what is far too late for it: the ack.
      await killed.seen("delivered");
      void gate.shutAfter(kind === "large" ? 200 : 0, "up");
      const landed = await killed.seen("landed");
      await killed.kill();
      gate.cut();
      gate.release();
      if (fate === "moved away") renameSync(landed.path, place.path("elsewhere"));

      const receiver = await place.run(place.receive(server.port, "--if-exists", "rename"));
      expect(receiver.all("landed")).toEqual([]);
      expect(await receiver.seen("done")).toMatchObject({ landed: 0, skipped: 0, failed: 0 });
      const kept = fate === "moved away" ? place.path("elsewhere") : landed.path;
      expect(isSame(path, kept)).toBe(true);
      expect(namesIn(place.path("inbox"))).toEqual(fate === "moved away" ? [] : [landed.name]);
      // Confirmed now: nothing is waiting any more.
      const empty = await place.run(place.receive(server.port));
      expect(empty.all("delivered")).toEqual([]);
    });
  }
}
