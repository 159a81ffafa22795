import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { isSame, MiB, namesIn, textsIn, writeBig, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place } from "../support/process-program.ts";

test("an idle server ends at once on SIGTERM, also with clients that wait and with one that says nothing", async () => {
  const place = new Place();
  const idle = await place.serve("--spool", place.path("other"));
  expect(await idle.kill("SIGTERM")).toBe(0);
  expect(idle.all("draining")).toMatchObject([{ connections: 0 }]);

  const server = await place.serve("--drain", "1d");
  const receiver = place.receive(server.port, "--follow", "--retry", "0");
  const silent = connect(server.port, "localhost").on("error", () => {});
  onTestFinished(() => void silent.destroy());
  await once(silent, "connect");
  await receiver.seen("connected");
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(await receiver.ended).toBe(5);
  expect(await receiver.seen("error")).toMatchObject({ code: "shutting-down" });
});

test("an upload under way finishes; the next file gets a temporary error and is stored after the restart", async () => {
  const place = new Place();
  let server = await place.serve("--drain", "1m");
  const gate = await Gate.before(server.port);
  const big = writeBig(place.path("big"), 40 * MiB);
  const shut = gate.shutAfter(20 * MiB, "up");
  const sender = place.send(gate.port, big, writeSmall(place.path("next"), "next"));
  await sender.during(shut);
  server.signal("SIGTERM");
  await server.seen("draining");
  // New clients are not let in meanwhile.
  expect(await place.receive(server.port).ended).toBe(3);
  gate.open();
  expect(await server.ended).toBe(0);
  expect(server.all("stored").map(({ name }) => name)).toEqual(["big"]);
  await sender.seen(({ event, code }) => event === "retrying" && code === "shutting-down");

  server = await place.serve();
  gate.target = server.port;
  await place.run(sender);
  expect(sender.all("stored").map(({ name, repeated }) => [name, repeated])).toEqual([
    ["big", false],
    ["next", false],
  ]);
  const receiver = await place.run(place.receive(server.port));
  expect(receiver.all("landed").map(({ name }) => name)).toEqual(["big", "next"]);
});

test("a delivery under way lands and is acked; the rest is collected after the restart", async () => {
  const place = new Place();
  let server = await place.serve("--drain", "1m");
  const gate = await Gate.before(server.port);
  const big = writeBig(place.path("big"), 40 * MiB);
  const next = writeBig(place.path("next"), MiB);
  await place.run(place.send(server.port, big, next));
  const shut = gate.shutAfter(20 * MiB, "down");
  const receiver = place.receive(gate.port);
  await receiver.during(shut);
  server.signal("SIGTERM");
  await server.seen("draining");
  gate.open();
  expect(await server.ended).toBe(0);
  expect(server.all("acked").map(({ name }) => name)).toEqual(["big"]);

  server = await place.serve();
  gate.target = server.port;
  await place.run(receiver);
  expect(receiver.all("landed").map(({ name }) => name)).toEqual(["big", "next"]);
  expect(namesIn(place.path("inbox"))).toEqual(["big", "next"]);
  expect(isSame(big, place.path("inbox/big"))).toBe(true);
});

test("a transfer that does not finish in the time for draining is cut, and continues after the restart", async () => {
  const place = new Place();
  let server = await place.serve("--drain", "100ms");
  const gate = await Gate.before(server.port);
  const big = writeBig(place.path("big"), 40 * MiB);
  const shut = gate.shutAfter(20 * MiB, "up");
  const sender = place.send(gate.port, big);
  await sender.during(shut);
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(server.all("stored")).toEqual([]);
  server = await place.serve();
  gate.target = server.port;
  gate.open();
  await place.run(sender);
  expect((await sender.seen("resumed")).offset).toBeGreaterThan(0);
});

test("a second signal ends a draining server at once, and nothing that was stored is lost by it", async () => {
  const place = new Place();
  const server = await place.serve("--drain", "1d");
  await place.run(place.send(server.port, writeSmall(place.path("a"), "a")));
  const gate = await Gate.before(server.port);
  const shut = gate.shutAfter(MiB, "up");
  const sender = place.send(gate.port, writeBig(place.path("big"), 4 * MiB));
  await sender.during(shut);
  server.signal("SIGTERM");
  await server.seen("draining");
  expect(await server.kill("SIGTERM")).toBe(130);
  const again = await place.serve();
  await place.run(place.receive(again.port));
  expect(textsIn(place.path("inbox"))).toEqual({ a: "a" });
});
