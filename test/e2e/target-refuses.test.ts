/**
 * A file that the target cannot take fails by its name, and what is behind it in the queue arrives: at real disks that
 * are too small, or that know no such names.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { builtMain, withoutCoverage } from "../support/built.ts";
import { isSame, KiB, MiB, namesIn, writeBig } from "../support/process-files.ts";
import { Place, type Program } from "../support/process-program.ts";
import { canMount, mountDisk, mountMemory } from "../support/small-disks.ts";

/** What people see in a folder. */
const visible = (folder: string) => namesIn(folder).filter((name) => !name.startsWith(".filespool"));

/** What the server has taken back, when it has said so `times` times. */
async function counted(server: Program, times: number) {
  await server.until(() => server.all("returned").length >= times, `${times} files that came back`);
  const returned = server.all("returned") as unknown as { name: string; reason: string; dead: boolean }[];
  return returned.map(({ name, reason, dead }) => [name, reason, dead] as const);
}

const refusedBy = (receiver: Program) => receiver.all("refused").map(({ name, code }) => [name, code]);

/** `receive` in a shell that has limited the size of files (KiB). */
async function receiveLimited(place: Place, port: number, kib: number) {
  const script = 'ulimit -f "$1"; shift; exec "$@"';
  const program = [process.execPath, builtMain(), "receive", "--port", String(port), "--out", place.path("inbox")];
  const child = spawn("bash", ["-c", script, "bash", String(kib), ...program], {
    env: { ...withoutCoverage(process.env), HOME: place.path("home") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const [status] = (await once(child, "close")) as [number | null];
  return { status, said };
}

describe("a file that is larger than files may be here (ulimit -f)", () => {
  test.each([
    ["large", 3 * MiB, 1024],
    ["small", 40 * KiB, 20],
  ])("is a failed attempt in each run, then a dead letter, and the others land (%s)", async (_, size, kib) => {
    const place = new Place();
    const server = await place.serve("--max-failures", "2");
    mkdirSync(place.path("folder"));
    writeFileSync(place.path("folder/inner"), "inner");
    for (const name of ["one", "two"]) writeFileSync(place.path(name), name);
    await place.run(place.send(server.port, writeBig(place.path("big"), size), "one", "folder", "two"));
    const first = await receiveLimited(place, server.port, kib);
    expect([first.status, visible(place.path("inbox"))]).toEqual([7, ["folder", "one", "two"]]);
    expect(first.said).toMatch(/failed +.*"big".*EFBIG/);
    expect(first.said).toMatch(/Done: 3 files landed in .*, 1 failed/);
    const second = await receiveLimited(place, server.port, kib);
    expect(second.status).toBe(7);
    const why = expect.stringMatching(/^the receiver's disk cannot take it: .*EFBIG/);
    const returned = await counted(server, 2);
    expect(returned).toEqual([
      ["big", why, false],
      ["big", why, true],
    ]);
    expect(JSON.stringify(returned)).not.toContain(place.folder);
    const third = await receiveLimited(place, server.port, kib);
    expect([third.status, third.said]).toEqual([0, expect.stringContaining("Nothing is waiting")]);
  });

  test("in a folder that is unpacked fails that folder only", async () => {
    const place = new Place();
    const server = await place.serve();
    mkdirSync(place.path("folder"));
    writeBig(place.path("folder/inner"), 700 * KiB);
    writeBig(place.path("folder/other"), 700 * KiB);
    writeFileSync(place.path("one"), "one");
    await place.run(place.send(server.port, "folder", "one"));
    const { status } = await receiveLimited(place, server.port, 1024);
    expect([status, visible(place.path("inbox"))]).toEqual([7, ["one"]]);
    expect(await counted(server, 1)).toEqual([["folder", expect.stringContaining("EFBIG"), false]]);
  });

  test("does not end the journal of a run that lands many files", async () => {
    const place = new Place();
    const { port } = await place.serve();
    const names = Array.from({ length: 1000 }, (_, number) => String(1000 + number));
    for (const name of names) writeFileSync(place.path(name), name);
    await place.run(place.send(port, ...names));
    expect((await receiveLimited(place, port, 40)).status).toBe(0); // a line of the journal has some 70 bytes
    expect(namesIn(place.path("inbox"))).toEqual(names);
  });
});

const canProtect = (() => {
  const script = 'f=$(mktemp) && chattr +i "$f" && chattr -i "$f"; r=$?; rm -f "$f"; exit $r';
  const isPossible = spawnSync("sh", ["-c", script]).status === 0;
  if (!isPossible) console.warn("SKIPPED: a file that cannot be replaced: chattr +i does not work here");
  return isPossible;
})();

test.skipIf(!canProtect)(
  "a name that cannot be replaced fails by itself, and the others of its batch are replaced",
  async () => {
    const place = new Place();
    const server = await place.serve();
    mkdirSync(place.path("inbox/d"), { recursive: true });
    mkdirSync(place.path("d"));
    const files = ["a", "fixed", "z", "d/inner"];
    for (const name of files) writeFileSync(place.path("inbox", name), "old");
    for (const name of files) writeFileSync(place.path(name), "new");
    for (const name of ["fixed", "d"]) {
      execFileSync("chattr", ["+i", place.path("inbox", name)]);
      onTestFinished(() => void execFileSync("chattr", ["-i", place.path("inbox", name)]));
    }
    await place.run(place.send(server.port, "a", "fixed", "d", "z"));
    const receiver = await place.run(place.receive(server.port, "--if-exists", "overwrite"), 7);
    expect(refusedBy(receiver).sort()).toEqual([
      ["d", "target-refused"],
      ["fixed", "target-refused"],
    ]);
    const back = await counted(server, 2);
    expect(back.map(([name]) => name).sort()).toEqual(["d", "fixed"]);
    expect(files.map((name) => readFileSync(place.path("inbox", name), "utf8"))).toEqual(["new", "old", "new", "old"]);
    expect(namesIn(place.path("inbox"))).toEqual(["a", "d", "fixed", "z"]);
  },
);

test.runIf(process.getuid?.() === 0)(
  "a folder that may not be written to ends the run, and nothing is counted",
  async () => {
    const place = new Place();
    const server = await place.serve();
    writeFileSync(place.path("a"), "a");
    await place.run(place.send(server.port, "a"));
    chmodSync(place.folder, 0o755);
    mkdirSync(place.path("inbox"), { mode: 0o755 });
    const words = ["receive", "--json", "--port", String(server.port), "--out", place.path("inbox")];
    const receiver = await place.run(place.start(words, { uid: 65_534 }), 7);
    expect((await receiver.seen("error")).code).toBe("folder-unusable");
    expect(server.all("returned")).toEqual([]);
    expect((await place.run(place.receive(server.port))).all("landed")).toHaveLength(1);
  },
);

describe.each(["ntfs", "exfat"] as const)("names that %s does not know", (kind) => {
  test.runIf(canMount(kind)).each(["refuse", "rename", "overwrite"])(
    "fail by themselves, small, large or a folder, and the others land (%s)",
    async (policy) => {
      const place = new Place();
      const server = await place.serve();
      mountDisk(kind, place.path("inbox"));
      const good = ["first", "last"];
      for (const name of [...good, "bad?"]) writeFileSync(place.path(name), name);
      writeBig(place.path("huge?"), 300 * KiB);
      mkdirSync(place.path("dir?"));
      writeFileSync(place.path("dir?/inner"), "inner");
      await place.run(place.send(server.port, "first", "bad?", "huge?", "dir?", "last"));
      const receiver = await place.run(place.receive(server.port, "--if-exists", policy), 7);
      expect(visible(place.path("inbox")).filter((name) => name !== "System Volume Information")).toEqual(good);
      expect(refusedBy(receiver).sort()).toEqual(["bad?", "dir?", "huge?"].map((name) => [name, "target-refused"]));
      const back = await counted(server, 3);
      expect(back.map(([name]) => name).sort()).toEqual(["bad?", "dir?", "huge?"]);
      expect(back[0]?.[1]).toMatch(/^the receiver's disk cannot take it: that disk does not allow such a name/);
    },
  );
});

describe("a disk that is too small", () => {
  test.runIf(canMount("memory"))("takes what fits, says what does not, and is no fault of the file", async () => {
    const place = new Place();
    const server = await place.serve();
    mountMemory(place.path("inbox"), 20 * MiB);
    mkdirSync(place.path("folder"));
    writeBig(place.path("folder/inner"), 11 * MiB); // it needs that twice: as an archive, and unpacked
    for (const name of ["one", "two"]) writeFileSync(place.path(name), name);
    const sizes = [30 * MiB, 5 * MiB, 5 * MiB].map((size, at) => writeBig(place.path(`big${at}`), size));
    await place.run(place.send(server.port, ...sizes.slice(0, 1), "one", "folder", ...sizes.slice(1), "two"));
    const receiver = await place.run(place.receive(server.port), 5);
    expect(visible(place.path("inbox"))).toEqual(["big1", "big2", "one", "two"]);
    expect(refusedBy(receiver)).toEqual([
      ["big0", "disk-full"],
      ["folder", "disk-full"],
    ]);
    expect(receiver.all("refused")[0]?.message).toMatch(
      /"big0" \(30\.0 MiB\) does not fit into .*inbox: \d+\.\d MiB are left/,
    );
    expect(receiver.all("progress").filter(({ name }) => name === "big0")).toEqual([]); // not one byte was fetched
    expect(server.all("returned")).toEqual([]);
    expect((await receiver.seen("done")).failed).toBe(2);
  });

  test.runIf(canMount("memory"))(
    "is looked at again by a run that waits for files, and lands them when there is room",
    async () => {
      const place = new Place();
      const server = await place.serve();
      mountMemory(place.path("inbox"), 4 * MiB);
      writeFileSync(place.path("one"), "one");
      const big = writeBig(place.path("big"), 6 * MiB);
      await place.run(place.send(server.port, big, "one"));
      const receiver = place.receive(server.port, "--follow");
      await receiver.seen(({ event, code }) => event === "retrying" && code === "disk-full");
      await receiver.seen(({ event, name }) => event === "acked" && name === "one");
      execFileSync("mount", ["-o", `remount,size=${20 * MiB}`, place.path("inbox")]);
      await receiver.seen(({ event, name }) => event === "acked" && name === "big");
      expect(isSame(big, place.path("inbox/big"))).toBe(true);
      expect(await receiver.kill("SIGTERM")).toBe(130);
      expect((await counted(server, 0)).filter(([, reason]) => reason !== "to be tried again")).toEqual([]);
    },
  );
});
