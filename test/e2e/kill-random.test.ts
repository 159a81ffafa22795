import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { isSame, MiB, namesIn, random, scratch, writeBig } from "../support/process-files.ts";
import { type Direction, Gate } from "../support/process-gate.ts";
import { Place, type Program } from "../support/process-program.ts";

/** Kills on the way of each file; FILESPOOL_SEED repeats a run, and vitest.config.ts prints it. */
const KILLS = Number(process.env.FILESPOOL_KILLS ?? 5);
const SEED = Number(process.env.FILESPOOL_SEED);
const SIZE = 48 * MiB;

vi.setConfig({ testTimeout: 240_000 + KILLS * 30_000 });

const folder = scratch();
let file = "";
beforeAll(() => {
  file = writeBig(folder.path("file.bin"), SIZE);
});
afterAll(() => folder.remove());

/** Starts a client through a gate and kills, again and again, it or the server at a random byte; then lets it end. */
async function withKills(place: Place, next: () => number, direction: Direction, begin: (port: number) => Program) {
  let server = await place.serve();
  const gate = await Gate.before(server.port);
  let left = SIZE;
  // Now and then within the first frames, where a conversation has most of its states; never beyond the file.
  const bytes = () => 1 + Math.floor(next() * (next() < 0.3 ? 1_000 : left / 2));
  const kills: [victim: string, after: number][] = [];
  let after = bytes();
  let shut = gate.shutAfter(after, direction);
  let client = begin(gate.port);
  for (let kill = 1; kill <= KILLS; kill++) {
    await client.during(shut);
    left -= after;
    const victim = next() < 0.5 ? "server" : "client";
    kills.push([victim, after]);
    await (victim === "server" ? server : client).kill();
    gate.cut();
    after = kill === KILLS ? Infinity : bytes();
    shut = gate.shutAfter(after, direction);
    if (victim === "client") client = begin(gate.port);
    else server = await place.serve();
    gate.target = server.port;
  }
  console.log(`killed: ${kills.map(([victim, bytes]) => `${victim} after ${bytes} bytes`).join(", ")}`);
  await place.run(client);
  return server;
}

test("whoever is killed, and whenever: the file arrives once, byte by byte", async () => {
  const place = new Place();
  const next = random(SEED);
  // The spool is the same for all servers of the place, so what was sent through one gate is collected through another.
  const retry = ["--retry", "5m"];
  const server = await withKills(place, next, "up", (port) => place.send(port, ...retry, file));
  await server.kill();
  await withKills(place, next, "down", (port) => place.receive(port, ...retry, "--if-exists", "rename"));
  expect(namesIn(place.path("inbox"))).toEqual(["file.bin"]);
  expect(isSame(file, place.path("inbox/file.bin"))).toBe(true);
});
