import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MiB, writeBig, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place, type Program } from "../support/process-program.ts";

const WATCHED = ["--metrics-port", "0"];
const portOf = async (server: Program): Promise<number> => (await server.seen("metrics")).port;

async function get(port: number, path: string): Promise<[status: number, text: string]> {
  const response = await fetch(`http://localhost:${port}${path}`);
  return [response.status, await response.text()];
}

/** One number of a scrape. */
async function scrape(port: number, name: string): Promise<number> {
  const [, text] = await get(port, "/metrics");
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(" ").at(-1));
}

test("metrics can be scraped while files arrive, and add up to what was sent", async () => {
  const place = new Place();
  const server = await place.serve(...WATCHED);
  const port = await portOf(server);
  const gate = await Gate.before(server.port);
  const big = writeBig(place.path("big"), 40 * MiB);
  const shut = gate.shutAfter(20 * MiB, "up");
  const sender = place.send(gate.port, "--queue", "photos", big, writeSmall(place.path("next"), "12345"));
  await sender.during(shut);
  // In the middle of the first file: it holds a reservation, and its bytes have been counted on the way.
  expect(await scrape(port, 'filespool_connections{role="sender"}')).toBe(1);
  expect(await scrape(port, "filespool_unfinished_uploads")).toBe(1);
  expect(await scrape(port, "filespool_spool_used_bytes")).toBe(40 * MiB);
  expect(await scrape(port, "filespool_received_bytes_total")).toBeGreaterThan(19 * MiB);
  expect(await scrape(port, "filespool_transfers_stored_total")).toBe(0);
  gate.open();
  await place.run(sender);
  expect(await scrape(port, "filespool_transfers_stored_total")).toBe(2);
  expect(await scrape(port, "filespool_stored_bytes_total")).toBe(40 * MiB + 5);
  expect(await scrape(port, 'filespool_waiting_files{queue="photos"}')).toBe(2);
  expect(await scrape(port, "filespool_upload_seconds_count")).toBe(2);
  await place.run(place.receive(server.port, "--queue", "photos", "--count", "1"));
  expect(await scrape(port, "filespool_transfers_collected_total")).toBe(1);
  expect(await scrape(port, "filespool_ack_seconds_count")).toBe(1);
  expect(await scrape(port, 'filespool_waiting_bytes{queue="photos"}')).toBe(5);
});

test("a server that drains is alive and not ready, and its last transfer is counted", async () => {
  const place = new Place();
  const server = await place.serve("--drain", "1m", ...WATCHED);
  const port = await portOf(server);
  expect(await get(port, "/readyz")).toEqual([200, "ready\n"]);
  const gate = await Gate.before(server.port);
  const shut = gate.shutAfter(20 * MiB, "up");
  const sender = place.send(gate.port, writeBig(place.path("big"), 40 * MiB));
  await sender.during(shut);
  server.signal("SIGTERM");
  await server.seen("draining");
  expect(await get(port, "/readyz")).toEqual([503, expect.stringContaining("draining")]);
  expect(await get(port, "/healthz")).toEqual([200, "ok\n"]);
  expect(await scrape(port, "filespool_draining")).toBe(1);
  gate.open();
  expect(await server.ended).toBe(0);
  expect(server.all("stored").map(({ name }) => name)).toEqual(["big"]);
});

test("a disk below the minimum is not ready, and says how much there is", async () => {
  const place = new Place();
  const server = await place.serve("--min-free-disk", "8000TB", ...WATCHED);
  expect(await get(await portOf(server), "/readyz")).toEqual([503, expect.stringMatching(/the disk has .* left/)]);
});

test("after SIGHUP the log goes on in a new file, and no line is lost", async () => {
  const place = new Place();
  const log = place.path("server.log");
  const server = await place.serve("--log", log);
  await place.run(place.send(server.port, writeSmall(place.path("one"), "1")));
  renameSync(log, `${log}.1`);
  server.signal("SIGHUP");
  await server.seen("reloaded");
  await place.run(place.send(server.port, writeSmall(place.path("two"), "2")));
  expect(await server.kill("SIGTERM")).toBe(0);
  const eventsIn = (path: string) =>
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as { event: string; name?: string; connection?: number });
  const namesIn = (path: string) => eventsIn(path).flatMap(({ event, name }) => (event === "stored" ? [name] : []));
  expect([namesIn(`${log}.1`), namesIn(log)]).toEqual([["one"], ["two"]]);
  // All of one connection by one search.
  const ofFirst = eventsIn(`${log}.1`).filter(({ connection }) => connection === 1);
  expect(ofFirst.map(({ event }) => event)).toEqual(["connected", "stored", "disconnected"]);
});

test("SIGHUP puts a new limit into force; a broken file changes nothing and is told", async () => {
  const place = new Place();
  const config = place.path("server.json");
  writeFileSync(config, "{}");
  const server = await place.serve("--config", config);
  const large = writeBig(place.path("large"), MiB);
  writeFileSync(config, JSON.stringify({ "max-file-size": "1KiB", lease: "2m" }));
  server.signal("SIGHUP");
  expect(await server.seen("reloaded")).toMatchObject({ applied: ["max-file-size"], restart: ["lease"] });
  const refused = await place.send(server.port, large).ended;
  expect(refused).toBe(4);
  writeFileSync(config, '{"max-file-size": "1GiB", ');
  server.signal("SIGHUP");
  expect(await server.seen("reload-failed")).toMatchObject({ message: expect.stringContaining("is not valid JSON") });
  expect(await place.send(server.port, large).ended).toBe(4);
  writeFileSync(config, "{}");
  server.signal("SIGHUP");
  await server.until(() => server.all("reloaded").length === 2);
  await place.run(place.send(server.port, large));
});

test("--log - leaves stdout to the log, and the exit code is as ever", async () => {
  const place = new Place();
  const server = place.start(["serve", "--yes", "--port", "0", "--spool", place.path("spool"), "--log", "-"]);
  await server.until(() => server.stdout.includes('"listening"'));
  expect(await server.kill("SIGTERM")).toBe(0);
  const lines = server.stdout.trimEnd().split("\n");
  expect(lines.map((text) => JSON.parse(text).event)).toEqual(["listening", "draining"]);
  expect(server.stderr).toBe("");
});

test("metrics are off unless asked for, and open to others only in as many words", async () => {
  const place = new Place();
  const server = await place.serve();
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(server.all("metrics")).toEqual([]);
  const open = place.start(["serve", "--json", "--spool", place.path("s"), "--metrics-host", "0.0.0.0", ...WATCHED]);
  expect(await open.ended).toBe(2);
  expect(await open.seen("error")).toMatchObject({ message: expect.stringContaining("--metrics-insecure") });
  expect(existsSync(place.path("s"))).toBe(false);
});
