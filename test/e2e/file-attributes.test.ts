/** Single files at real processes: what becomes of their permission bits and their time of change, and of those who watch. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { builtMain, withoutCoverage } from "../support/built.ts";
import { KiB } from "../support/process-files.ts";
import { Place, type Program } from "../support/process-program.ts";
import { canMount, mountDisk } from "../support/small-disks.ts";

const SIZES = { small: 10, empty: 0, large: 300 * KiB } as const;
/** Before 1970, with what a microsecond can say of a fraction; and long after. */
const TIMES = ["-86400.25", "1234567890.123456", "4000000000.5"];
const isRoot = process.getuid?.() === 0;

/** A server whose queue has a file for each of these modes and each size. */
async function filled(modes: readonly number[], sizes: Partial<typeof SIZES> = SIZES) {
  const place = new Place();
  const { port } = await place.serve();
  const names: [name: string, mode: number][] = [];
  for (const mode of modes)
    for (const [kind, size] of Object.entries(sizes)) {
      const name = `${kind}-${mode.toString(8)}`;
      writeFileSync(place.path(name), Buffer.alloc(size, name));
      chmodSync(place.path(name), mode);
      names.push([name, mode]);
    }
  const send = () => place.run(place.send(port, ...names.map(([name]) => name), "--again"));
  await send();
  return { place, port, names, send };
}

/** Runs the receiver from a shell, with that umask. */
function receiveWith(umask: number, place: Place, port: number, ...words: string[]): void {
  const command = [process.execPath, builtMain(), "receive", "--yes", "--port", String(port), ...words];
  const env = { ...withoutCoverage(process.env), HOME: place.path("home") };
  const line = `umask ${umask.toString(8)}; exec "$@"`;
  const { status, stderr } = spawnSync("sh", ["-c", line, "sh", ...command], { cwd: place.folder, env });
  expect([status, status === 0 ? "" : String(stderr)]).toEqual([0, ""]);
}

const modeOf = (path: string) => lstatSync(path).mode & 0o7777;

test("a file has the mode that its sender's bits and the receiver's umask allow together, and no special bit", async () => {
  const { place, port, names, send } = await filled([0o644, 0o755, 0o600, 0o444, 0o777, 0o4755, 0o2711, 0o040]);
  for (const umask of [0o027, 0o000]) {
    const out = `out ${umask.toString(8)}`;
    receiveWith(umask, place, port, "--out", out, "--if-exists", umask === 0 ? "overwrite" : "refuse");
    // Who has fetched a file may read it, whatever its owner at the other end could.
    for (const [name, mode] of names)
      expect([name, umask, modeOf(place.path(out, name))]).toEqual([name, umask, ((mode & 0o777) | 0o400) & ~umask]);
    await send();
  }
});

test("a file keeps its time of change, before 1970 and with its fraction as well", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const names: string[] = [];
  for (const [kind, size] of Object.entries(SIZES))
    for (const time of TIMES) {
      names.push(`${kind} ${time}`);
      writeFileSync(place.path(names.at(-1) as string), Buffer.alloc(size, kind));
      utimesSync(place.path(names.at(-1) as string), time, time);
    }
  await place.run(place.send(port, ...names));
  await place.run(place.receive(port));
  const times = (folder: string) =>
    names.map((name) => [name, lstatSync(place.path(folder, name), { bigint: true }).mtimeNs / 1000n]);
  expect(times("inbox")).toEqual(times("."));
});

test.each([
  ["none", 0o644, false],
  ["mode", 0o755, false],
  ["time", 0o644, true],
  ["all", 0o755, true],
] as const)("--preserve %s keeps what it says, and nothing else", async (preserve, mode, keepsTime) => {
  const { place, port } = await filled([0o755], { small: SIZES.small });
  utimesSync(place.path("small-755"), 1, 1);
  await place.run(place.send(port, "small-755"));
  receiveWith(0o022, place, port, "--out", "out", "--if-exists", "overwrite", "--preserve", preserve);
  const { mtimeMs } = statSync(place.path("out/small-755"));
  expect([modeOf(place.path("out/small-755")), mtimeMs === 1000]).toEqual([mode, keepsTime]);
});

test("the mode and the time are the server's to keep: they survive its end", async () => {
  const place = new Place();
  const first = await place.serve();
  writeFileSync(place.path("a"), Buffer.alloc(SIZES.large, "a"), { mode: 0o750 });
  writeFileSync(place.path("b"), "b", { mode: 0o700 });
  for (const name of ["a", "b"]) utimesSync(place.path(name), 1_000_000_000, 1_000_000_000);
  await place.run(place.send(first.port, "a", "b"));
  first.signal("SIGKILL");
  await first.ended;
  const { port } = await place.serve();
  await place.run(place.receive(port));
  expect(["a", "b"].map((name) => modeOf(place.path("inbox", name)))).toEqual([0o750, 0o700]);
  for (const name of ["a", "b"]) expect(statSync(place.path("inbox", name)).mtimeMs).toBe(1e12);
});

const hasWatch = spawnSync("inotifywait", ["--help"]).error === undefined;
describe.runIf(isRoot)("a user who is not root", () => {
  /** Starts a receiver as nobody in particular. */
  const receive = (place: Place, port: number, ...words: string[]): Program =>
    place.start(["receive", "--json", "--port", String(port), "--out", place.path("inbox"), ...words], { uid: 65_534 });

  async function readOnly() {
    const set = await filled([0o444], { small: SIZES.small, large: SIZES.large });
    chmodSync(set.place.folder, 0o755);
    mkdirSync(set.place.path("inbox"));
    chownSync(set.place.path("inbox"), 65_534, 65_534);
    return set;
  }

  test.runIf(hasWatch)("lands a read-only file, and who watches the folder hears that it is whole", async () => {
    const { place, port } = await readOnly();
    const watcher = place.path("watched");
    const inbox = place.path("inbox");
    const line = `inotifywait -q -m -e close_write -e moved_to -o "${watcher}" "${inbox}" & echo $!`;
    const pid = Number(spawnSync("sh", ["-c", line], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).stdout);
    try {
      await expect.poll(() => isWatching(pid), { timeout: 20_000 }).toBe(true);
      await place.run(receive(place, port));
      writeFileSync(place.path("inbox/last"), "");
      await expect.poll(() => readFileSync(watcher, "utf8").includes("last"), { timeout: 20_000 }).toBe(true);
    } finally {
      process.kill(pid);
    }
    const told = [...readFileSync(watcher, "utf8").matchAll(/ (\w+-444)$/gm)].map(([, name]) => name);
    expect(told.sort()).toEqual(["large-444", "small-444"]);
    for (const name of told) expect(modeOf(place.path("inbox", name as string))).toBe(0o444);
  });

  test("lands a read-only file in the next run when a command has sent it back", async () => {
    const { place, port } = await readOnly();
    await place.run(receive(place, port, "--exec", "false"), 7);
    await place.run(receive(place, port));
    for (const name of ["large-444", "small-444"]) expect(modeOf(place.path("inbox", name))).toBe(0o444);
  });
});

describe.runIf(isRoot)("a part that a killed receiver left read-only", () => {
  test("is gone on with by a user who is not root", async () => {
    const place = new Place();
    chmodSync(place.folder, 0o755);
    const { port } = await place.serve();
    const content = Buffer.alloc(SIZES.large, "large");
    writeFileSync(place.path("large"), content, { mode: 0o444 });
    const sender = await place.run(place.send(port, "large"));
    const transfer = sender.all("stored")[0]?.transfer;
    mkdirSync(place.path("inbox"));
    const part = place.path("inbox", `.filespool-${transfer}.part`);
    writeFileSync(part, content.subarray(0, 64 * KiB), { mode: 0o444 });
    for (const path of [place.path("inbox"), part]) chownSync(path, 65_534, 65_534);
    const words = ["receive", "--json", "--port", String(port), "--out", place.path("inbox")];
    const receiver = await place.run(place.start(words, { uid: 65_534 }));
    expect(receiver.all("resumed")).toMatchObject([{ offset: 64 * KiB }]);
    expect([modeOf(place.path("inbox/large")), readFileSync(place.path("inbox/large")).equals(content)]).toEqual([
      0o444,
      true,
    ]);
  });
});

/** Whether it has its watch, as the kernel shows it. */
function isWatching(pid: number): boolean {
  const { stdout } = spawnSync("sh", ["-c", `cat /proc/${pid}/fdinfo/*`], { encoding: "utf8" });
  return stdout.includes("inotify wd:");
}

test.runIf(canMount("exfat"))("a disk that keeps no modes takes the files all the same, and says so once", async () => {
  const { place, port, names } = await filled([0o600, 0o444, 0o755]);
  mountDisk("exfat", place.path("inbox"));
  const receiver = await place.run(place.receive(port));
  expect(receiver.all("landed")).toHaveLength(names.length);
  const told = receiver.all("warning").filter(({ message }) => message.includes("mode"));
  expect(told.map(({ message }) => message)).toEqual([
    "this disk keeps no mode (permission bits), for this file or any other",
  ]);
});
