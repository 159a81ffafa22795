import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RawPeer } from "../support/raw-peer.ts";
import { start as startIn } from "./environment.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "filespool-operate-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const start = (words: string[], options?: Parameters<typeof startIn>[2]) => startIn(folder, words, options);
async function finish(...words: string[]) {
  const { code, stdout, stderr } = start(words);
  return { code: await code, out: stdout.text, err: stderr.text };
}
const objects = (text: string): Record<string, unknown>[] =>
  text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));

/** A server with the files of these names; ends with the test. */
async function serveWith(names: readonly string[], ...words: string[]) {
  const server = start(["serve", "--port", "0", "--spool", join(folder, "spool"), "--json", ...words]);
  await server.stdout.shows('"listening"');
  const port = String(objects(server.stdout.text)[0]?.port);
  for (const name of names) await writeFile(join(folder, name), name.repeat(10));
  const files = names.map((name) => join(folder, name));
  const sent = names.length === 0 ? "" : (await finish("send", "--json", "--port", port, ...files)).out;
  const ids = objects(sent).flatMap(({ event, transfer }) => (event === "stored" ? [transfer as string] : []));
  const stop = async () => {
    server.interrupt.abort();
    await server.code;
  };
  return { port, ids, stop };
}

/** Makes a dead letter of the oldest file. */
async function fail(port: string): Promise<void> {
  const peer = await RawPeer.connect(Number(port));
  await peer.greet("receiver");
  for (let attempt = 1; attempt <= 20; attempt++) {
    peer.send({ type: "want", files: 1 });
    const { delivery } = await peer.until("deliver");
    peer.send({ type: "nack", delivery, counts: true, reason: "the disk is full\u001b[2J" });
  }
  // Said when the last verdict is written down.
  peer.send({ type: "want", files: 1 });
  await peer.until("empty");
  peer.send({ type: "bye" });
  await peer.ending();
  peer.socket.destroy();
}

test("list shows queues, and the files of one, to people and to programs", async () => {
  const { port, ids, stop } = await serveWith(["a.txt", "b.txt"]);
  expect((await finish("list", "--port", port)).out).toBe(
    "FILES   SIZE  DEAD  UPLOADS  QUEUE\n    2  100 B     0        0  default\n1 queue.\n",
  );
  const files = await finish("list", "default", "--port", port);
  expect(files.out).toMatch(
    new RegExp(
      `^STATE +SIZE +AGE +TRANSFER +NAME\nwaiting +50 B +[\\d.]+ \\w+ +${ids[0]} +a.txt\nwaiting .* b.txt\n2 files.\n$`,
    ),
  );
  const rows = objects((await finish("list", "default", "--port", port, "--json")).out);
  expect(rows.filter(({ event }) => event === "transfer")).toMatchObject([
    { transfer: ids[0], state: "waiting", name: "a.txt", size: 50, queue: "default" },
    { transfer: ids[1], state: "waiting", name: "b.txt", size: 50 },
  ]);
  expect(rows.at(-1)).toEqual({ event: "done", rows: 2 });
  expect(await finish("list", "other", "--port", port)).toMatchObject({
    code: 0,
    out: 'Queue "other" is empty.\n',
  });
  await stop();
});

test("status and show tell what became of a transfer, and unknown is exit code 4", async () => {
  const { port, ids, stop } = await serveWith(["a.txt", "b.txt"]);
  await finish("receive", "--port", port, "--count", "1", "--out", join(folder, "out"));
  const [a, b] = ids as [string, string];
  const both = await finish("status", a, b, "--port", port);
  expect(both).toMatchObject({ code: 0, err: "" });
  expect(both.out).toMatch(/\ncollected .*a\.txt\nwaiting .*b\.txt\n$/);
  const shown = (await finish("show", a, "--port", port)).out;
  expect(shown).toMatch(/^transfer {6}[0-9a-f]{32}\nstate {9}collected\nname {10}a\.txt\nqueue {9}default\n/);
  expect(shown).toMatch(/\nsince {9}20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ \(.*\)\ndigest {8}blake3 [0-9a-f]{64}\n$/);
  const unknown = await finish("status", b, "0".repeat(32), "--port", port, "--json");
  expect(unknown.code).toBe(4);
  expect(objects(unknown.out).at(-1)).toEqual({ event: "done", rows: 2, unknown: 1 });
  await stop();
});

test("cancel goes on after a failure, and its exit code is that of the first", async () => {
  const { port, ids, stop } = await serveWith(["a.txt", "b.txt"]);
  const { code, out, err } = await finish("cancel", ids[0] as string, "0".repeat(32), ids[1] as string, "--port", port);
  expect([code, out]).toEqual([
    4,
    `cancelled ${ids[0]}\ncancelled ${ids[1]}\nDone: 2 transfers cancelled, 1 failed.\n`,
  ]);
  expect(err).toMatch(/^failed {4}0{32}: there is no such transfer\n/);
  expect((await finish("cancel", ids[0] as string, "--port", port)).out).toContain(`cancelled ${ids[0]} already\n`);
  // Sent again, it is refused with the way to send it all the same.
  const again = await finish("send", "--port", port, join(folder, "a.txt"));
  expect([again.code, again.err]).toEqual([4, expect.stringMatching(/cancelled.*\n +add --again/)]);
  await stop();
});

test("dead shows why, with nothing that a terminal obeys, and requeue puts it back", async () => {
  const { port, ids, stop } = await serveWith(["a.txt"]);
  await fail(port);
  const dead = await finish("dead", "--port", port);
  expect(dead.out).toMatch(
    /^FAILED +LAST +TRANSFER +NAME +REASON\n +20 x .* a\.txt +the disk is full\\u001b\[2J\n1 dead letter\.\n$/,
  );
  expect((await finish("requeue", ids[0] as string, "--port", port)).out).toContain(`requeued ${ids[0]}\n`);
  expect((await finish("dead", "--port", port)).out).toBe("There are no dead letters.\n");
  await fail(port);
  expect((await finish("requeue", "--all", "--queue", "default", "--port", port)).out).toBe(
    '1 dead letter put back at the end of queue "default".\n',
  );
  await stop();
});

test("purge asks on a terminal, and elsewhere needs --yes", async () => {
  const { port, stop } = await serveWith(["a.txt", "b.txt"]);
  expect(await finish("purge", "default", "--port", port)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/add --yes to confirm/),
  });
  const asked = start(["purge", "default", "--port", port], { isTTY: true });
  await asked.stdout.shows('Delete all files and dead letters of queue "default" permanently?');
  asked.stdin.write("\r");
  expect(await asked.code).toBe(130);
  expect((await finish("list", "--port", port)).out).toContain("    2  100 B");
  expect(await finish("purge", "default", "--dead", "--yes", "--port", port)).toMatchObject({
    code: 0,
    out: 'Deleted 0 dead letters from queue "default".\n',
  });
  expect((await finish("purge", "default", "--yes", "--port", port)).out).toBe(
    'Deleted 2 files from queue "default".\n',
  );
  await stop();
});

test("send --wait ends with the receipts, or names what nobody has collected", async () => {
  const { port, stop } = await serveWith([]);
  for (const name of ["a.txt", "b.txt"]) await writeFile(join(folder, name), name);
  const waiting = start(["send", "--port", port, "--wait", "1m", join(folder, "a.txt"), "--json"]);
  await waiting.stdout.shows('"stored"');
  await finish("receive", "--port", port, "--out", join(folder, "out"));
  expect(await waiting.code).toBe(0);
  const events = objects(waiting.stdout.text);
  expect(events.at(-1)).toMatchObject({ event: "done", stored: 1, collected: 1, outstanding: 0 });
  expect(events.find(({ event }) => event === "collected")).toMatchObject({
    name: "a.txt",
    size: 5,
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    collectedAtMs: expect.any(Number),
  });
  const late = await finish("send", "--port", port, "--wait", "50ms", join(folder, "a.txt"), join(folder, "b.txt"));
  expect(late.code).toBe(5);
  expect(late.out).toMatch(/collected a\.txt, 5 B, 20.*Z, digest /);
  expect(late.err).toMatch(/^waiting {3}b\.txt, 5 B: not collected yet\n/);
  expect(late.err).toMatch(/error: .*1 of 2 files not collected within 50ms: b\.txt\n {7}the file stays in its queue/);
  // A variable is for receivers.
  const env = { FILESPOOL_WAIT: "nonsense" };
  expect(await start(["send", "--port", port, join(folder, "b.txt")], { env }).code).toBe(0);
  await stop();
});

test.each<[string[], RegExp]>([
  [["status"], /<transfer> is missing; see filespool status --help/],
  [["show", "x"], /"x" is not the id of a transfer: an id has 32 hexadecimal digits/],
  [["cancel", "A".repeat(32)], /is not the id of a transfer/],
  [["requeue"], /requeue needs the id of a transfer, or --all --queue NAME/],
  [["requeue", "--all"], /requeue --all needs --queue/],
  [["requeue", "--all", "--queue", "q", "0".repeat(32)], /requeue takes ids of transfers or --all, not both/],
  [["list", "../x"], /"\.\.\/x" is not a queue name/],
  [["purge", "--yes"], /<queue> is missing/],
  [["statsu", "x"], /unknown command 'statsu' \(Did you mean status\?\)/],
])("%j is a wrong command, and says what would be right", async (words, sentence) => {
  expect(await finish(...words, "--port", "1")).toMatchObject({ code: 2, err: expect.stringMatching(sentence) });
});

test("a server that is not there is exit code 3, for operators as for everybody", async () => {
  expect(await finish("list", "--port", "1")).toMatchObject({
    code: 3,
    err: expect.stringMatching(/^error: cannot reach a server at localhost:1/),
  });
});
