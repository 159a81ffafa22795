import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { MiB, namesIn, textsIn, writeBig, writeSmall } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place } from "../support/process-program.ts";
import { idOf, listenRaw, WELCOME } from "../support/raw-peer.ts";

/** A port on which nobody listens, and nobody can: a connection of ours has it. */
async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, "localhost");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "localhost");
  onTestFinished(() => void socket.destroy());
  onTestFinished(() => void server.close());
  await once(socket, "connect");
  return socket.localPort as number;
}

test("2, wrong usage: an unknown command or flag, and a value that is not accepted", async () => {
  const place = new Place();
  const wrong = [
    ["sned"],
    ["send", "--prot", "1", "file"],
    ["serve", "--buffer-size", "64K"],
    ["serve", "--host", "0.0.0.0"],
    ["receive", "--queue", "../x"],
  ];
  for (const program of wrong.map((words) => place.start([...words, "--json"]))) {
    await place.run(program, 2);
    expect(program.events).toMatchObject([{ event: "error", code: "usage", exitCode: 2 }]);
    expect(program.stderr).toMatch(/^error: /);
  }
});

test("3, cannot reach the server: said at once, unless --retry asks for patience", async () => {
  const place = new Place();
  const file = writeSmall(place.path("file"), "x");
  const port = await closedPort();
  for (const program of [place.send(port, file), place.receive(port)]) {
    await place.run(program, 3);
    expect(program.all("retrying")).toEqual([]);
    expect(program.all("error")).toMatchObject([{ code: "unreachable", exitCode: 3 }]);
  }
  const patient = await place.run(place.send(port, "--retry", "1s", file), 3);
  expect(patient.all("retrying").length).toBeGreaterThan(0);
});

test("4, refused for good: the file is named, and the others are sent", async () => {
  const place = new Place();
  const { port } = await place.serve("--max-file-size", "1KiB");
  const paths = ["a", "large", "b"].map((name) =>
    writeSmall(place.path(name), "x".repeat(name === "large" ? 1025 : 1)),
  );
  const sender = await place.run(place.send(port, ...paths), 4);
  expect(sender.all("stored").map(({ name }) => name)).toEqual(["a", "b"]);
  expect(sender.all("refused")).toMatchObject([{ name: "large", path: paths[1], code: "file-too-large" }]);
  expect(await sender.seen("error")).toMatchObject({ code: "file-too-large", exitCode: 4 });
});

test("5, temporary: the queue is full and the patience over; later the same command succeeds", async () => {
  const place = new Place();
  const { port } = await place.serve("--max-queue-files", "1");
  const paths = ["a", "b"].map((name) => writeSmall(place.path(name), name));
  const sender = await place.run(place.send(port, "--retry", "0", ...paths), 5);
  expect(sender.all("error")).toMatchObject([{ code: "queue-full", exitCode: 5 }]);
  const patient = place.send(port, ...paths);
  await patient.seen("retrying");
  await place.run(place.receive(port));
  await place.run(patient);
  expect(patient.all("stored").map(({ name }) => name)).toEqual(["a", "b"]);
  await place.run(place.receive(port));
  expect(textsIn(place.path("inbox"))).toEqual({ a: "a", b: "b" });
});

test.each([
  ["disk-full", ["--min-free-disk", "1000TB"]],
  ["spool-full", ["--max-spool-size", "1"]],
])("5, temporary: %s", async (code, limits) => {
  const place = new Place();
  const { port } = await place.serve(...limits);
  const sender = await place.run(place.send(port, "--retry", "0", writeSmall(place.path("a"), "xx")), 5);
  expect(await sender.seen("error")).toMatchObject({ code, exitCode: 5 });
});

test("6, integrity: what listens there does not speak the protocol", async () => {
  const place = new Place();
  const web = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  onTestFinished(() => void web.close());
  web.listen(0, "localhost");
  await once(web, "listening");
  const { port } = web.address() as AddressInfo;
  for (const program of [place.send(port, writeSmall(place.path("file"), "x")), place.receive(port)]) {
    await place.run(program, 6);
    expect(await program.seen("error")).toMatchObject({ code: "not-filespool", exitCode: 6 });
  }
});

test("6, integrity: content that does not match its digest does not land", async () => {
  const place = new Place();
  const port = await listenRaw(async (peer) => {
    peer.send(WELCOME);
    await peer.until("want");
    const file = { transfer: idOf(1), queue: "default", name: "a.txt", size: 5, attempt: 1 };
    peer.send({ type: "deliver", delivery: "d1", ...file, algorithm: "sha256", digest: "0".repeat(64) });
    peer.sendData(0, new TextEncoder().encode("hello"));
    await peer.until("nack");
    peer.send({ type: "empty" });
    await peer.until("bye");
    peer.socket.end();
  });
  const receiver = await place.run(place.receive(port), 6);
  expect(await receiver.seen("error")).toMatchObject({ code: "digest-mismatch", exitCode: 6 });
  expect(receiver.all("landed")).toEqual([]);
  expect(namesIn(place.path("inbox"))).toEqual([]);
});

test("7, local file problem: a file that cannot be sent does not keep the others back", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const paths = [place.path("missing"), "/dev/null", writeSmall(place.path("a"), "a")];
  const sender = await place.run(place.send(port, ...paths), 7);
  expect(sender.all("stored")).toMatchObject([{ name: "a" }]);
  expect(sender.all("refused").map(({ path, code }) => [path, code])).toEqual([
    [paths[0], "file-unreadable"],
    [paths[1], "file-unreadable"],
  ]);
});

test("7, local file problem: a folder that is no folder, and a spool that another server has", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const file = writeSmall(place.path("file"), "x");
  const receiver = await place.run(place.start(["receive", "--json", "--port", String(port), "--out", file]), 7);
  expect(await receiver.seen("error")).toMatchObject({ code: "folder-unusable", exitCode: 7 });
  const second = await place.run(place.start(["serve", "--json", "--port", "0", "--spool", place.path("spool")]), 7);
  expect(await second.seen("error")).toMatchObject({ code: "spool-locked", exitCode: 7 });
});

test.runIf(existsSync("/proc/self"))(
  "7, local file problem: a folder in which nothing can be made is said at once",
  async () => {
    const place = new Place();
    const { port } = await place.serve();
    const at = ["--json", "--port", String(port)];
    for (const words of [
      ["receive", ...at, "--out", "/proc/inbox"],
      ["receive", ...at, "--out", "/proc/a/b/c"],
      ["serve", "--json", "--port", "0", "--spool", "/proc/spool"],
    ]) {
      const program = await place.run(place.start(words), 7);
      expect((await program.seen("error")).message).toContain("no folder can be made in /proc");
    }
  },
);

test("130, interrupted: at once, nothing is lost by it, and the same command continues", async () => {
  const place = new Place();
  const server = await place.serve();
  const gate = await Gate.before(server.port);
  const big = writeBig(place.path("big"), 40 * MiB);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const shut = gate.shutAfter(12 * MiB, "up");
    const sender = place.send(gate.port, big);
    await sender.during(shut);
    expect(await sender.kill(signal)).toBe(130);
    expect(sender.all("error")).toMatchObject([{ code: "interrupted", exitCode: 130 }]);
    expect(sender.stderr).toMatch(/^interrupted: /);
    gate.open();
  }
  const sender = await place.run(place.send(gate.port, big));
  expect((await sender.seen("resumed")).offset).toBeGreaterThan(0);

  const shut = gate.shutAfter(20 * MiB, "down");
  const cut = place.receive(gate.port);
  await cut.during(shut);
  expect(await cut.kill("SIGINT")).toBe(130);
  gate.open();
  const receiver = place.receive(gate.port, "--follow");
  expect((await receiver.seen("resumed")).offset).toBeGreaterThan(0);
  await receiver.seen("acked");
  expect(await receiver.kill("SIGINT")).toBe(130);
  expect(namesIn(place.path("inbox"))).toEqual(["big"]);
  expect(await server.kill("SIGINT")).toBe(130);
});

test("--if-exists decides what happens to a file whose name is taken, and refusing loses nothing", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const receive = async (policy: string, ...words: string[]) => {
    const receiver = place.receive(port, "--if-exists", policy, ...words);
    await receiver.ended;
    return receiver.events.filter(({ event }) => event === "landed" || event === "refused");
  };
  const paths = ["first", "second", "third", "fourth"].map((text) => {
    mkdirSync(place.path(text));
    return writeSmall(place.path(text, "a.txt"), text);
  });
  await place.run(place.send(port, ...paths));
  const one = ["--count", "1"];
  expect(await receive("refuse", ...one)).toMatchObject([{ event: "landed" }]);
  expect(await receive("refuse")).toMatchObject(Array(3).fill({ event: "refused", code: "file-exists" }));
  expect(await receive("rename", ...one)).toMatchObject([{ path: place.path("inbox/a (1).txt") }]);
  expect(await receive("skip", ...one)).toMatchObject([{ event: "landed", skipped: true, path: "" }]);
  expect(await receive("overwrite", ...one)).toMatchObject([{ path: place.path("inbox/a.txt") }]);
  expect(textsIn(place.path("inbox"))).toEqual({ "a.txt": "fourth", "a (1).txt": "second" });
});

test("--count waits for so many files and no more, --wait for so long and no longer, --follow for ever", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const paths = ["a", "b", "c", "d"].map((name) => writeSmall(place.path(name), name));
  const [a, b, c, d] = paths as [string, string, string, string];
  const counting = place.receive(port, "--count", "2");
  await counting.seen("connected");
  await place.run(place.send(port, a));
  await counting.seen("acked");
  await place.run(place.send(port, b, c));
  await place.run(counting);
  expect(counting.all("landed").map(({ name }) => name)).toEqual(["a", "b"]);

  const waiting = await place.run(place.receive(port, "--wait", "300ms"));
  expect(waiting.all("landed")).toMatchObject([{ name: "c" }]);
  expect(await waiting.seen("done")).toMatchObject({ landed: 1 });

  const following = place.receive(port, "--follow");
  await following.seen("connected");
  await place.run(place.send(port, d));
  await following.seen("acked");
  expect(await following.kill("SIGTERM")).toBe(130);
  expect(textsIn(place.path("inbox"))).toEqual({ a: "a", b: "b", c: "c", d: "d" });
});
