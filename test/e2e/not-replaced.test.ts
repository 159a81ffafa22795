/** What no landed file takes the place of, whatever the policy says: everything that is no plain file. */
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { namesIn } from "../support/process-files.ts";
import { Place, type Program } from "../support/process-program.ts";

const POLICIES = ["refuse", "rename", "overwrite", "skip"];
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("SKIPPED: a device in the place of a file: making one needs root");

const THINGS: readonly (readonly [what: string, make: (path: string) => void])[] = [
  ["a pipe", (path) => void execFileSync("mkfifo", [path])],
  ["a folder", (path) => void mkdirSync(path)],
  ["a symbolic link", (path) => symlinkSync("elsewhere", path)],
  [
    "a socket",
    (path) => {
      const server = createServer().listen(path);
      onTestFinished(() => void server.close());
    },
  ],
  ...(isRoot ? [["a device", (path: string) => void execFileSync("mknod", [path, "c", "1", "3"])] as const] : []),
];

const stateOf = (path: string) => {
  const { ino, mode, size } = lstatSync(path);
  return [ino, mode, size];
};

/** A server with one file, and a thing. */
async function meet(make: (path: string) => void) {
  const place = new Place();
  const server = await place.serve();
  writeFileSync(place.path("a"), "content");
  await place.run(place.send(server.port, "a"));
  mkdirSync(place.path("inbox"));
  make(place.path("inbox/a"));
  return { place, server, before: stateOf(place.path("inbox/a")) };
}

/** Nothing has happened to the file on its server. */
async function isWaiting(place: Place, { port }: { readonly port: number }) {
  const receiver = await place.run(place.start(["receive", "--json", "--port", String(port), "--out", "fresh"]));
  expect(receiver.all("delivered")).toMatchObject([{ name: "a", attempt: 1 }]);
  expect(readFileSync(place.path("fresh/a"), "utf8")).toBe("content");
}

describe.each(THINGS)("%s", (what, make) => {
  test("is not replaced by --output, under any policy: it is refused before anything is connected", async () => {
    const { place, server, before } = await meet(make);
    for (const policy of what === "a pipe" ? POLICIES : ["overwrite"]) {
      const words = ["receive", "--port", String(server.port), "--output", "inbox/a", "--if-exists", policy];
      const receiver = await place.run(place.start(words), 2);
      expect(receiver.stderr).toContain(`--output inbox/a is ${what}`);
    }
    expect([stateOf(place.path("inbox/a")), namesIn(place.path("inbox"))]).toEqual([before, ["a"]]);
    expect(server.all("connected").filter(({ role }) => role === "receiver")).toEqual([]);
    await isWaiting(place, server);
  });

  test("is not replaced by a file in a folder under overwrite", async () => {
    const { place, server, before } = await meet(make);
    const receiver = await place.run(place.receive(server.port, "--if-exists", "overwrite"), 7);
    expect(receiver.all("refused")).toMatchObject([{ name: "a", code: "file-exists" }]);
    expect(receiver.all("refused")[0]?.message).toContain(`is ${what}`);
    expect([stateOf(place.path("inbox/a")), namesIn(place.path("inbox"))]).toEqual([before, ["a"]]);
    await isWaiting(place, server);
  });

  test.runIf(what !== "a folder")("is not replaced by a folder under overwrite", async () => {
    const { place, server, before } = await meet(make);
    await place.run(place.start(["receive", "--port", String(server.port), "--out", "fresh"]));
    mkdirSync(place.path("sent/a"), { recursive: true });
    await place.run(place.send(server.port, "sent/a"));
    const receiver = await place.run(place.receive(server.port, "--if-exists", "overwrite"), 7);
    expect(receiver.all("refused")).toMatchObject([{ name: "a", code: "file-exists" }]);
    expect([stateOf(place.path("inbox/a")), namesIn(place.path("inbox"))]).toEqual([before, ["a"]]);
  });

  test("that appears after the file was let in is not replaced either", async () => {
    const place = new Place();
    const server = await place.serve();
    mkdirSync(place.path("inbox"));
    for (const name of ["first", "a"]) writeFileSync(place.path(name), name);
    await place.run(place.send(server.port, "first", "a"));
    // The command of the first file runs when the second has been let in, and before it lands.
    const script = place.path("meddle");
    writeFileSync(script, "until test -e go; do sleep 0.05; done\n");
    const receiver = place.receive(server.port, "--if-exists", "overwrite", "--exec", `sh ${script}`);
    await receiver.seen(({ event, name }) => event === "delivered" && name === "a");
    make(place.path("inbox/a"));
    const before = stateOf(place.path("inbox/a"));
    writeFileSync(place.path("go"), "");
    await ended(receiver);
    expect(receiver.all("refused")).toMatchObject([{ name: "a", code: "file-exists" }]);
    expect([stateOf(place.path("inbox/a")), namesIn(place.path("inbox"))]).toEqual([before, ["a", "first"]]);
  });
});

const ended = async (receiver: Program) => expect(await receiver.ended).toBe(7);

test("a folder that is a link is the user's choice: files land in what it leads to", async () => {
  const place = new Place();
  const { port } = await place.serve();
  writeFileSync(place.path("a"), "content");
  await place.run(place.send(port, "a"));
  mkdirSync(place.path("real"));
  symlinkSync("real", place.path("inbox"));
  await place.run(place.receive(port));
  expect([namesIn(place.path("real")), readlinkSync(place.path("inbox"))]).toEqual([["a"], "real"]);
});
