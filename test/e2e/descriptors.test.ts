/** A server that has no file descriptors left: it must neither end nor lose anything, and serve again when it has some. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { isSame, MiB, writeBig } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";
import { RawPeer } from "../support/raw-peer.ts";

const SPARE = 6;

const canLimit = spawnSync("prlimit", ["--version"]).status === 0;
if (!canLimit) console.warn("SKIPPED: a server without file descriptors: prlimit (util-linux) is missing");

test.skipIf(!canLimit)("a server out of file descriptors refuses for now, goes on, and loses nothing", async () => {
  const place = new Place();
  const server = await place.serve();
  const [one, two] = [writeBig(place.path("one"), 3 * MiB), writeBig(place.path("two"), 3 * MiB, 2)];
  await place.run(place.send(server.port, one));
  const open = readdirSync(`/proc/${server.pid}/fd`).length;
  execFileSync("prlimit", ["--pid", String(server.pid), `--nofile=${open + SPARE}`]);
  const peers: RawPeer[] = [];
  for (let number = 0; number < 5 * SPARE; number++) peers.push(await RawPeer.connect(server.port));
  const sender = place.send(server.port, "--retry", "5m", two);
  const receiver = place.receive(server.port, "--retry", "5m", "--count", "2");
  await Promise.all([sender.seen("retrying"), receiver.seen("retrying")]);
  // The server says so: the closed connections would not tell anybody.
  const { code, message } = await server.seen("error");
  expect([code, message]).toEqual(["connections-full", expect.stringContaining("ulimit -n")]);
  for (const peer of peers) peer.socket.destroy();
  await Promise.all([place.run(sender), place.run(receiver)]);
  expect(isSame(one, place.path("inbox/one"))).toBe(true);
  expect(isSame(two, place.path("inbox/two"))).toBe(true);
});
