/** `receive --output -` of what is too large for memory: its folder in $TMPDIR, when a run is killed, and two at a time. */
import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { fileSha256 } from "../support/content.ts";
import { MiB, namesIn, writeBig } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place, type Program } from "../support/process-program.ts";

const SIZE = 64 * MiB;

/** Starts a receiver whose standard output is a file of the place. */
function receiveInto(place: Place, port: number, name: string): Program {
  const stdout = openSync(place.path(name), "w");
  const words = ["receive", "--output", "-", "--port", String(port)];
  const receiver = place.start(words, { env: { TMPDIR: place.path("tmp") }, stdout });
  closeSync(stdout);
  return receiver;
}

test("a run that is killed leaves what it fetched to the next one, which goes on, hands all on, and tidies up", async () => {
  const place = new Place();
  mkdirSync(place.path("tmp"));
  writeBig(place.path("big"), SIZE);
  const server = await place.serve();
  await place.run(place.send(server.port, "big"));
  const gate = await Gate.before(server.port);
  const shut = gate.shutAfter(48 * MiB, "down");
  const first = receiveInto(place, gate.port, "out");
  await first.during(shut);
  const [folder, ...others] = namesIn(place.path("tmp")) as [string];
  expect([others, statSync(place.path("tmp", folder)).mode & 0o777]).toEqual([[], 0o700]);
  await first.kill();
  gate.cut();
  await server.seen(({ event, role }) => event === "disconnected" && role === "receiver");
  expect(statSync(place.path("out")).size).toBe(0); // nothing is handed on before all of it is verified
  expect(namesIn(place.path("tmp"))).toEqual([folder]);
  let hasBegunAnew = false;
  void gate.shutAfter(SIZE - 16 * MiB, "down").then(() => {
    hasBegunAnew = true;
    gate.open();
  });
  await place.run(receiveInto(place, gate.port, "out"));
  expect(hasBegunAnew).toBe(false);
  expect(await fileSha256(place.path("out"))).toBe(await fileSha256(place.path("big")));
  expect(namesIn(place.path("tmp"))).toEqual([]);
});

test("two runs at a time for one queue have a folder each, and hand on a file each", async () => {
  const place = new Place();
  mkdirSync(place.path("tmp"));
  writeBig(place.path("a"), SIZE, 1);
  writeBig(place.path("b"), SIZE, 2);
  const { port } = await place.serve();
  await place.run(place.send(port, "a", "b"));
  const gate = await Gate.before(port);
  const shut = gate.shutAfter(8 * MiB, "down");
  const first = receiveInto(place, gate.port, "first");
  await first.during(shut);
  // Through the same address, so that both ask for the same folder; the first one still has it.
  gate.shut("up");
  const both = gate.shutAfter(48 * MiB, "down");
  gate.open("up");
  const second = receiveInto(place, gate.port, "second");
  await Promise.race([both, first.ended, second.ended]);
  gate.open();
  await Promise.all([place.run(first), place.run(second)]);
  const whole = await Promise.all(["a", "b"].map((name) => fileSha256(place.path(name))));
  const came = await Promise.all(["first", "second"].map((name) => fileSha256(place.path(name))));
  expect(came.sort()).toEqual(whole.sort());
  expect(namesIn(place.path("tmp"))).toEqual([]);
});
