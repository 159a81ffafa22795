import { expect, test } from "vitest";
import { scratch, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place } from "../support/process-program.ts";

test("a sender that waits for its receipt gets it although its server is killed in between, twice", async () => {
  const folder = scratch();
  const file = writeSmall(folder.path("a.txt"), "x".repeat(100));
  const place = new Place();
  let server = await place.serve();
  const gate = await Gate.before(server.port);
  const sender = place.send(gate.port, file, "--wait", "2m");
  await sender.seen("stored");
  await server.kill();
  gate.cut();
  server = await place.serve();
  gate.target = server.port;
  await place.run(place.receive(server.port));
  await server.kill();
  gate.cut();
  server = await place.serve();
  gate.target = server.port;
  await place.run(sender);
  expect(sender.all("collected")).toMatchObject([{ name: "a.txt", size: 100 }]);
  expect(await sender.seen("done")).toMatchObject({ stored: 1, collected: 1, outstanding: 0, failed: 0 });
  folder.remove();
});
