/** What nobody collected in time: whoever sends it again hears that, and whoever runs the server can see what went. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";
import { idOf, RawPeer } from "../support/raw-peer.ts";

test("a file that expired is told as expired, and --again stores it", async () => {
  const place = new Place();
  const server = await place.serve("--file-ttl", "1s");
  const path = writeSmall(place.path("note.txt"), "a note");
  // Waits for whatever becomes of it: nobody collects it, and the server sweeps every second.
  const first = await place.run(place.send(server.port, "--wait", "5m", path), 4);
  const { transfer } = await first.seen("stored");
  const again = await place.run(place.send(server.port, path), 4);
  expect(await again.seen("refused")).toMatchObject({ code: "expired", transfer });
  expect(again.events.map(({ event }) => event)).not.toContain("stored");
  await place.run(place.send(server.port, "--again", path));
});

test("what expires is told by an event, a line in the log and counters, also after a restart", async () => {
  const place = new Place();
  const log = place.path("log");
  const before = await place.serve();
  const sender = await place.run(place.send(before.port, writeSmall(place.path("note.txt"), "a note")));
  const { transfer } = await sender.seen("stored");
  const peer = await RawPeer.connect(before.port);
  await peer.greet("sender");
  const size = 200_000;
  peer.send({ type: "offer", transfer: idOf(7), queue: "half", name: "half", size, algorithm: "sha256", wait: true });
  await peer.until("accept");
  peer.sendData(0, new Uint8Array(100_000));
  peer.socket.end();
  await before.seen(({ event, role }) => event === "disconnected" && role === "sender");
  expect(await before.kill("SIGTERM")).toBe(0);

  const words = ["--file-ttl", "1s", "--upload-ttl", "1s", "--metrics-port", "0", "--log", log];
  const server = await place.serve(...words);
  const { port } = await server.seen("metrics");
  const file = await server.seen(({ event, name }) => event === "expired" && name === "note.txt");
  expect(file).toMatchObject({ transfer, queue: "default", size: 6, what: "file", dead: false });
  const upload = await server.seen(({ event, name }) => event === "expired" && name === "half");
  expect(upload).toMatchObject({ transfer: idOf(7), queue: "half", size, what: "upload", dead: false });
  const numbers = await (await fetch(`http://localhost:${port}/metrics`)).text();
  for (const line of ["transfers_expired_total 1", "expired_bytes_total 6", "uploads_expired_total 1"])
    expect(numbers).toContain(`\nfilespool_${line}\n`);
  await server.kill("SIGTERM");
  const lines = readFileSync(log, "utf8").trim().split("\n");
  const logged = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "expired");
  expect(logged.length).toBe(2);
  expect(logged).toContainEqual(expect.objectContaining({ level: "warn", name: "note.txt", what: "file", transfer }));
});

test("with --if-expired dead, who waits hears that it is a dead letter and why; put back, it can be collected", async () => {
  const place = new Place();
  const config = place.path("settings.json");
  const set = (fileTtl: string) => writeSmall(config, JSON.stringify({ "file-ttl": fileTtl, "if-expired": "dead" }));
  set("3s");
  const server = await place.serve("--config", config);
  const sender = place.send(server.port, "--wait", "5m", writeSmall(place.path("note.txt"), "a note"));
  const { transfer } = await server.seen("expired");
  // As it is, it would be removed three seconds after it died; a new setting counts from the next sweep on.
  set("1d");
  server.signal("SIGHUP");
  await server.seen("reloaded");
  expect(server.all("expired")).toMatchObject([{ transfer, what: "file", dead: true }]);
  await place.run(sender, 4);
  expect(await sender.seen("refused")).toMatchObject({ code: "dead-letter", message: /nobody collected it/ });
  await place.run(place.start(["requeue", "--port", String(server.port), transfer]));
  const receiver = await place.run(place.receive(server.port));
  expect(receiver.all("landed")).toMatchObject([{ transfer, name: "note.txt" }]);
});
