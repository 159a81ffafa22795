/** Folders at real processes: what their names, modes and times become, and disks and senders that ask for more than fits. */
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, lstatSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { builtMain, withoutCoverage } from "../support/built.ts";
import { sendArchives } from "../support/foreign-tar.ts";
import { namesIn } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";
import { archiveOf, ROOT, readTree, tarEntry } from "../support/trees.ts";

const run = promisify(execFile);

/** Runs the receiver from a shell, after a line of the shell's own. */
const receiveAfter = (place: Place, port: number, line: string, ...words: string[]) => {
  const command = [process.execPath, builtMain(), "receive", "--yes", "--port", String(port), ...words];
  return run("sh", ["-c", `${line}; exec "$@"`, "sh", ...command], {
    cwd: place.folder,
    env: { ...withoutCoverage(process.env), HOME: place.path("home") },
  });
};

test("modes are what the sender's and the receiver's umask allow together, of the folder itself as well", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const modes = {
    "d/open": 0o666,
    "d/run": 0o777,
    "d/own": 0o600,
    "d/read": 0o444,
    "d/sub": 0o777,
    "d/shut": 0o555,
    d: 0o775,
  };
  for (const folder of ["d/sub", "d/shut"]) mkdirSync(place.path(folder), { recursive: true });
  for (const file of ["open", "run", "own", "read", "shut/in"]) writeFileSync(place.path("d", file), file);
  for (const [name, mode] of Object.entries(modes)) chmodSync(place.path(name), mode);
  for (const umask of [0o022, 0o077, 0o002, 0o000]) {
    await place.run(place.send(port, "d"));
    const out = `out ${umask.toString(8)}`;
    await receiveAfter(place, port, `umask ${umask.toString(8)}`, "--out", out);
    for (const [name, mode] of Object.entries(modes))
      expect([name, umask, lstatSync(place.path(out, name)).mode & 0o7777]).toEqual([name, umask, mode & ~umask]);
  }
});

test("a folder that hands on its group does so to what lands in it", async () => {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("d/sub"), { recursive: true });
  await place.run(place.send(port, "d"));
  mkdirSync(place.path("inbox"));
  chmodSync(place.path("inbox"), 0o2770);
  await receiveAfter(place, port, "umask 007", "--out", "inbox");
  for (const name of ["inbox/d", "inbox/d/sub"]) expect(lstatSync(place.path(name)).mode & 0o7777).toBe(0o2750);
});

test("times before 1970, with fractions and far in the future land as they were", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const times = [
    "-2000000000.25",
    "-1.5",
    "-0.000001",
    "0",
    "0.999999",
    "1234567890.123456",
    "4000000000.5",
    "9000000000.25",
    "13000000000",
  ];
  mkdirSync(place.path("d/sub"), { recursive: true });
  for (const time of times) {
    for (const [name, make] of [
      ["file", () => writeFileSync(place.path("d", `file ${time}`), "")],
      ["link", () => symlinkSync("x", place.path("d", `link ${time}`))],
    ] as const) {
      make();
      lutimesSync(place.path("d", `${name} ${time}`), time, time);
    }
  }
  utimesSync(place.path("d/sub"), "-86400.75", "-86400.75");
  utimesSync(place.path("d"), "-5000000", "-5000000");
  await place.run(place.send(port, "d"));
  const receiver = await place.run(place.receive(port));
  expect(receiver.all("warning")).toEqual([]);
  const micros = (folder: string, name: string) =>
    lstatSync(place.path(folder, name), { bigint: true }).mtimeNs / 1000n;
  for (const name of ["d", "d/sub", ...readTree(place.path("d")).map(({ path }) => `d/${path}`)])
    expect([name, micros("inbox", name)]).toEqual([name, micros(".", name)]);
});

test("what the disk cannot keep of a time is a warning, and the file lands", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const mtime = new Date(-3_000_000_000_000);
  const old = tarEntry({ path: "before 1901" }, "x", { path: "before 1901", mtime });
  await sendArchives(port, { d: archiveOf(ROOT, old) });
  const receiver = await place.run(place.receive(port));
  const kept = lstatSync(place.path("inbox/d/before 1901")).mtimeMs;
  if (kept === mtime.getTime()) return console.warn("SKIPPED: this disk keeps times before 1901");
  expect(receiver.all("warning")).toMatchObject([
    { path: "before 1901", message: expect.stringContaining("does not keep the time 1874-12-07") },
  ]);
});

test("a name that is not UTF-8 is refused by itself, and the rest of the folder goes on", async () => {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("d"));
  writeFileSync(place.path("d/fine"), "fine");
  writeFileSync(Buffer.concat([Buffer.from(place.path("d/caf")), Buffer.from([0xe9]), Buffer.from(".txt")]), "x");
  writeFileSync(place.path("behind"), "behind");
  const sender = await place.run(place.send(port, "d", "behind"), 4);
  expect(sender.all("refused")).toMatchObject([{ path: place.path("d/caf\\xe9.txt"), code: "name-refused" }]);
  expect(sender.all("stored").map(({ name }) => name)).toEqual(["d", "behind"]);
  expect(await sender.seen("done")).toMatchObject({ stored: 2, failed: 1 });
  const people = await place.run(place.start(["send", "--yes", "--port", String(port), "d"]), 4);
  expect(people.stderr).toContain('the name "caf\\xe9.txt" is not valid UTF-8; it was left out');
  await place.run(place.receive(port, "--if-exists", "rename"));
  expect(namesIn(place.path("inbox"))).toEqual(["behind", "d", "d (1)"]);
  expect(readTree(place.path("inbox/d")).map(({ path }) => path)).toEqual(["fine"]);
});

test("a file of such a name is refused with a sentence that says why it is not found", async () => {
  const place = new Place();
  const { port } = await place.serve();
  writeFileSync(Buffer.concat([Buffer.from(place.path("caf")), Buffer.from([0xe9])]), "x");
  const line = '"$1" "$2" send --yes --port "$3" caf*';
  const sent = run("sh", ["-c", line, "sh", process.execPath, builtMain(), String(port)], {
    cwd: place.folder,
    env: { ...withoutCoverage(process.env), HOME: place.path("home"), XDG_STATE_HOME: place.path("state") },
  });
  await expect(sent).rejects.toMatchObject({
    code: 7,
    stderr: expect.stringContaining("or its name is not valid UTF-8"),
  });
});

test("a path that is too long under this folder: which one and why, with exit code 7, and the queue goes on", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const deep = Array.from({ length: 16 }, (_, level) => `${level}`.padEnd(240, "p")).join("/");
  mkdirSync(place.path("d", deep), { recursive: true });
  writeFileSync(place.path("behind"), "behind");
  await place.run(place.send(port, "d", "behind"));
  const out = place.path(...Array<string>(5).fill("o".repeat(60)));
  const receiver = place.start(["receive", "--json", "--port", String(port), "--out", out]);
  await place.run(receiver, 7);
  const [refused] = receiver.all("refused");
  expect(refused).toMatchObject({ name: "d", code: "target-refused" });
  expect(refused?.message).toMatch(
    /cannot be unpacked here: "0ppp.*would have a path of \d+ bytes under this folder, and no program/,
  );
  expect(namesIn(out)).toEqual(["behind"]);
  await place.run(place.start(["receive", "--json", "--port", String(port), "--out", place.path("short")]));
  expect(readTree(place.path("short/d"))).toHaveLength(16);
});

/** A disk that takes "A" and "a" for one name, and no colons, as exFAT and NTFS are used; "" where none can be had. */
function windowsDisk(place: Place): string {
  const [image, disk] = [place.path("image"), place.path("disk")];
  mkdirSync(disk);
  const line = 'truncate -s 64M "$1" && mkfs.ntfs -qF "$1" && lowntfs-3g -o ignore_case,windows_names "$1" "$2"';
  if (spawnSync("sh", ["-c", line, "sh", image, disk]).status !== 0) return "";
  onTestFinished(() => void spawnSync("umount", ["-l", disk]));
  return disk;
}

test("names that this disk takes for one, or does not take: which ones, with exit code 7, and the queue goes on", async () => {
  const place = new Place();
  const disk = windowsDisk(place);
  if (disk === "")
    return console.warn("SKIPPED: a disk that ignores case, for which lowntfs-3g, mkfs.ntfs and root are needed");
  const { port } = await place.serve();
  for (const [folder, ...names] of [
    ["cases", "A", "a"],
    ["colon", "noon 12:00"],
    ["fine", "b"],
  ] as const) {
    mkdirSync(place.path(folder));
    for (const name of names) writeFileSync(place.path(folder, name), name);
  }
  await place.run(place.send(port, "cases", "colon", "fine"));
  const receiver = await place.run(place.start(["receive", "--json", "--port", String(port), "--out", disk]), 7);
  const said = receiver.all("refused").map(({ name, code, message }) => [name, code, message]);
  expect(said).toEqual([
    ["cases", "target-refused", expect.stringContaining('"a" has a name that this disk takes for the same as')],
    ["colon", "target-refused", expect.stringContaining('"noon 12:00" has a name that this disk does not allow')],
  ]);
  expect(namesIn(disk)).toEqual(["fine"]);
  await place.run(place.receive(port));
  expect(readTree(place.path("inbox/cases")).map(({ path }) => path)).toEqual(["A", "a"]);
});

test("a receiver with little memory unpacks links with long targets up to the bound, and refuses more by its name", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const links = (count: number) =>
    archiveOf(
      ROOT,
      ...Array.from({ length: count }, (_, number) =>
        tarEntry({ path: `l${number}`, type: "SymbolicLink", size: 0 }, "", { linkpath: "t".repeat(3900) }),
      ),
    );
  await sendArchives(port, { many: links(3000), all: links(17_500) });
  const words = ["receive", "--json", "--port", String(port), "--out", "inbox"];
  const receiver = await place.run(place.start(words, { env: { NODE_OPTIONS: "--max-old-space-size=40" } }), 4);
  expect(receiver.all("landed").map(({ name }) => name)).toEqual(["many"]);
  expect(receiver.all("refused")).toMatchObject([
    { name: "all", code: "archive-refused", message: expect.stringContaining("67108864 bytes") },
  ]);
  expect(namesIn(place.path("inbox/many"))).toHaveLength(3000);
});
