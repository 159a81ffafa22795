/** Receivers that may have few files open at a time (`ulimit -n`): they land in smaller batches, and nothing else changes. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { builtMain, withoutCoverage } from "../support/built.ts";
import { isSame, KiB, namesIn, writeBig } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const canLimit = spawnSync("bash", ["-c", "ulimit -n 32"]).status === 0;
if (!canLimit) console.warn("SKIPPED: receivers with few file descriptors: bash is missing");

/** `receive` in a shell that lets it have so many files open. */
async function receiveLimited(place: Place, port: number, files: number, ...words: string[]) {
  const script = 'ulimit -n "$1"; shift; exec "$@"';
  const program = [process.execPath, builtMain(), "receive", "--json", "--port", String(port), "--out", "inbox"];
  const child = spawn("bash", ["-c", script, "bash", String(files), ...program, ...words], {
    env: { ...withoutCoverage(process.env), HOME: place.path("home") },
    cwd: place.folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const [status] = (await once(child, "close")) as [number | null];
  return { status, retries: said.split("\n").filter((line) => line.startsWith('{"event":"retrying"')) };
}

test.skipIf(!canLimit).each([32, 64, 128])(
  "with %i descriptors, 2,000 small files, large ones and a folder land",
  async (files) => {
    const place = new Place();
    const { port } = await place.serve();
    const small = Array.from({ length: 2000 }, (_, number) => `small ${1000 + number}`);
    const large = Array.from({ length: 40 }, (_, number) => `large ${10 + number}`);
    for (const name of small) writeFileSync(place.path(name), name);
    for (const [number, name] of large.entries()) writeBig(place.path(name), 100 * KiB, number);
    mkdirSync(place.path("folder/in/it"), { recursive: true });
    writeFileSync(place.path("folder/in/it/file"), "inner");
    await place.run(place.send(port, ...large.slice(0, 20), "folder", ...small, ...large.slice(20)));
    const { status, retries } = await receiveLimited(place, port, files);
    expect([status, retries]).toEqual([0, []]);
    expect(namesIn(place.path("inbox"))).toEqual(["folder", ...large, ...small]);
    for (const name of small) expect(readFileSync(place.path("inbox", name), "utf8")).toBe(name);
    expect(large.filter((name) => !isSame(place.path(name), place.path("inbox", name)))).toEqual([]);
  },
);

test.skipIf(!canLimit).each([32, 64])(
  "with %i descriptors, a command runs for each file, and none is a failed attempt",
  async (files) => {
    const place = new Place();
    const server = await place.serve();
    const names = Array.from({ length: 60 }, (_, number) => String(100 + number));
    for (const [number, name] of names.entries())
      writeBig(place.path(name), number % 3 === 0 ? 100 * KiB : 100, number);
    await place.run(place.send(server.port, ...names));
    const { status } = await receiveLimited(place, server.port, files, "--exec", 'cat {} | wc -c >> "$HOME/sizes"');
    expect([status, server.all("returned"), namesIn(place.path("inbox"))]).toEqual([0, [], names]);
    expect(readFileSync(place.path("home/sizes"), "utf8").trim().split("\n")).toHaveLength(names.length);
  },
);

test.skipIf(!canLimit)("with too few to begin, it says what is missing, and nothing is lost", async () => {
  const place = new Place();
  const { port } = await place.serve();
  writeFileSync(place.path("a"), "a");
  await place.run(place.send(port, "a"));
  const { status, retries } = await receiveLimited(place, port, 20, "--retry", "1s");
  expect(status).not.toBe(0);
  expect(retries.every((line) => line.includes("ulimit -n"))).toBe(true);
  expect((await place.run(place.receive(port))).all("landed")).toHaveLength(1);
});
