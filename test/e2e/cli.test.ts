import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { isSame, KiB, MiB, namesIn, noise, textsIn, writeBig, writeSmall } from "../support/process-files.ts";
import { type Event, Place, type Program } from "../support/process-program.ts";

/** Files that broke other programs of this kind, in the order in which they are sent. */
function awkwardFiles(place: Place): string[] {
  mkdirSync(place.path("out"));
  const contents: [name: string, content: string | Uint8Array][] = [
    ["empty", ""],
    ["multi-byte.txt", "Grüße, 你好, 🧵, Łódź, é\n".repeat(1_000)],
    ["-rf --help.txt", "a name like a flag"],
    ["naïve “quotes” 'n' $(spaces) & 🧵.txt", "a name to trip over"],
    [`${"x".repeat(251)}.bin`, "a name as long as they get"],
    [".hidden", "a name that starts with a dot"],
    ["all bytes.bin", Uint8Array.from({ length: 256 }, (_, byte) => byte)],
    ["pipelined.bin", noise(64 * KiB, 1)],
    ["asked.bin", noise(64 * KiB + 1, 2)],
  ];
  const paths = contents.map(([name, content]) => writeSmall(place.path("out", name), content));
  return [...paths, writeBig(place.path("out", "big.bin"), 3 * MiB + 1)];
}

test.each(["1500", "4MiB"])(
  "all files arrive in order, under their names, byte by byte, with a buffer of %s",
  async (size) => {
    const place = new Place();
    const paths = awkwardFiles(place);
    const { port } = await place.serve("--buffer-size", size);
    await place.run(place.send(port, "--buffer-size", size, "--", ...paths));
    const receiver = await place.run(place.receive(port, "--buffer-size", size, "--allow-dotfiles"));
    const names = paths.map((path) => basename(path));
    expect(receiver.all("landed").map(({ name }) => name)).toEqual(names);
    expect(namesIn(place.path("inbox"))).toEqual(names.sort());
    for (const path of paths) expect(isSame(path, place.path("inbox", basename(path))), path).toBe(true);
  },
);

test("a name that would be unsafe in the folder is neutralised, and the event says where the file is", async () => {
  const place = new Place();
  const { port } = await place.serve();
  await place.run(
    place.send(port, writeSmall(place.path("a\nb\u202etxt.exe"), "x"), writeSmall(place.path("end."), "y")),
  );
  const receiver = await place.run(place.receive(port));
  expect(textsIn(place.path("inbox"))).toEqual({ "a_b_txt.exe": "x", end_: "y" });
  expect(receiver.all("landed").map(({ path }) => basename(path))).toEqual(["a_b_txt.exe", "end_"]);
  // What a terminal would obey is escaped even where JSON would let it through.
  expect(receiver.stdout).toContain('"name":"a\\nb\\u202etxt.exe"');
});

const ABOUT = ["transfer", "queue", "name", "size"];
const CLIENT_EVENTS: Readonly<Record<string, readonly string[]>> = {
  connected: ["host", "port", "server", "durability"],
  offered: [...ABOUT, "path"],
  progress: [...ABOUT, "offset"],
  stored: [...ABOUT, "digest", "repeated", "collected"],
  delivered: [...ABOUT, "digest", "attempt"],
  landed: [...ABOUT, "digest", "path", "skipped"],
  acked: ABOUT,
  refused: [...ABOUT, "path", "code", "message"],
  error: ["code", "message", "exitCode"],
};
const SERVER_EVENTS: Readonly<Record<string, readonly string[]>> = {
  listening: ["host", "port"],
  stored: [...ABOUT, "connection", "peer", "digest", "repeated"],
  delivered: [...ABOUT, "connection", "peer", "attempt"],
  acked: [...ABOUT, "connection", "peer"],
  refused: [...ABOUT, "connection", "peer", "code", "message"],
  draining: ["connections"],
};

function expectFields(program: Program, fields: Readonly<Record<string, readonly string[]>>, names: string[]): void {
  // Nothing but events on stdout, one object per line.
  expect(program.stdout.trimEnd().split("\n")).toHaveLength(program.events.length);
  const fieldsOf = (event: Event) => Object.keys(event).sort();
  for (const event of program.events) {
    const known = fields[event.event];
    if (known) expect(fieldsOf(event), event.event).toEqual(["event", ...known].sort());
  }
  expect([...new Set(program.events.map(({ event }) => event))].sort()).toEqual(names.sort());
}

test("every event of --json has the fields that scripts rely on", async () => {
  const place = new Place();
  const server = await place.serve("--max-file-size", "1MiB");
  const small = writeSmall(place.path("small"), "x");
  const large = writeBig(place.path("large"), 300 * KiB);
  const sender = await place.run(place.send(server.port, small, writeBig(place.path("huge"), 2 * MiB), large), 4);
  expectFields(sender, CLIENT_EVENTS, ["connected", "offered", "progress", "stored", "refused", "done", "error"]);
  expect(await sender.seen("done")).toEqual({ event: "done", stored: 2, repeated: 0, bytes: 1 + 300 * KiB, failed: 1 });
  const receiver = await place.run(place.receive(server.port));
  expectFields(receiver, CLIENT_EVENTS, ["connected", "delivered", "progress", "landed", "acked", "done"]);
  expect(await receiver.seen("done")).toEqual({
    event: "done",
    landed: 2,
    skipped: 0,
    bytes: 1 + 300 * KiB,
    failed: 0,
    elsewhere: 0,
  });
  expect(await server.kill("SIGTERM")).toBe(0);
  const names = [
    "listening",
    "connected",
    "disconnected",
    "stored",
    "refused",
    "delivered",
    "acked",
    "draining",
    "done",
  ];
  expectFields(server, SERVER_EVENTS, names);
});

test("people are told in lines what happens: waiting, who connected, what was stored, what was collected", async () => {
  const place = new Place();
  const server = place.start(["serve", "--spool", place.path("spool"), "--port", "0"]);
  await server.until(() => server.stdout.includes("Waiting for sender...\n"));
  const port = /^listening +on localhost:(\d+)$/m.exec(server.stdout)?.[1] as string;
  const sender = await place.run(place.start(["send", "--port", port, writeSmall(place.path("a b.txt"), "hello")]));
  expect(sender.stdout).toMatch(/^stored +a b\.txt, 5 B\nDone: 1 file stored; 5 B in .+\.\n$/);
  const receive = ["receive", "--port", port, "--out", place.path("inbox")];
  const receiver = await place.run(place.start(receive));
  expect(receiver.stdout).toMatch(/^landed +.+inbox\/a b\.txt, 5 B\nDone: 1 file landed in .+inbox; 5 B in .+\.\n$/);
  const empty = await place.run(place.start(receive));
  expect(empty.stdout).toBe('Nothing is waiting in queue "default".\n');
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(server.stdout).toMatch(/^sender +connected from 127\.0\.0\.1:\d+$/m);
  expect(server.stdout).toMatch(/^stored +a b\.txt, 5 B, in queue default, from 127\.0\.0\.1:\d+$/m);
  expect(server.stdout).toMatch(/^receiver +connected from 127\.0\.0\.1:\d+, collects from queue default$/m);
  expect(server.stdout).toMatch(/^collected +a b\.txt, 5 B, from queue default, by 127\.0\.0\.1:\d+$/m);
  for (const program of [server, sender, receiver, empty]) expect(program.stderr).toBe("");
});

test("with --quiet a run that succeeds prints nothing, and one that fails says why", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const file = writeSmall(place.path("file"), "x");
  const sender = await place.run(place.start(["send", "--quiet", "--port", String(port), file]));
  const words = ["receive", "--quiet", "--port", String(port), "--out"];
  const receiver = await place.run(place.start([...words, place.path("inbox")]));
  for (const { stdout, stderr } of [sender, receiver]) expect([stdout, stderr]).toEqual(["", ""]);
  const failed = await place.run(place.start([...words, file]), 7);
  expect([failed.stdout, failed.stderr]).toEqual(["", expect.stringMatching(/^error: /)]);
});

test("a flag beats a variable, which beats the config file, which beats the default", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const file = writeSmall(place.path("file"), "x");
  const queueOf = async (words: string[], env: Record<string, string>) => {
    const sender = await place.run(place.start(["send", "--json", file, ...words], { env }));
    return (await sender.seen("stored")).queue;
  };
  const env = { FILESPOOL_PORT: String(port) };
  expect(await queueOf([], env)).toBe("default");
  mkdirSync(place.path("home/.config/filespool"), { recursive: true });
  writeSmall(place.path("home/.config/filespool/config.json"), JSON.stringify({ queue: "from-file", port: 1 }));
  writeSmall(place.path("other.json"), JSON.stringify({ queue: "from-other" }));
  expect(await queueOf([], env)).toBe("from-file");
  expect(await queueOf(["--config", "other.json"], env)).toBe("from-other");
  expect(await queueOf([], { ...env, FILESPOOL_QUEUE: "from-variable" })).toBe("from-variable");
  expect(await queueOf(["--queue", "from-flag"], { ...env, FILESPOOL_QUEUE: "from-variable" })).toBe("from-flag");
});

test("the key of the user is made once, for nobody else to read, where FILESPOOL_STATE, XDG or home say", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const file = writeSmall(place.path("file"), "x");
  const keyAfter = async (env: Record<string, string | undefined>, path: string) => {
    await place.run(place.start(["send", "--port", String(port), file], { env }));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    return readFileSync(path, "utf8");
  };
  const keys = [
    await keyAfter({}, place.path("state/sender-key")),
    await keyAfter({ FILESPOOL_STATE: undefined }, place.path("state/filespool/sender-key")),
    await keyAfter(
      { FILESPOOL_STATE: undefined, XDG_STATE_HOME: undefined },
      place.path("home/.local/state/filespool/sender-key"),
    ),
  ];
  expect(new Set(keys).size).toBe(3);
  chmodSync(place.path("state/sender-key"), 0o644);
  expect(await keyAfter({}, place.path("state/sender-key"))).toBe(keys[0]);
});

test("without a terminal nothing is asked: what is missing is an error or the default", async () => {
  const place = new Place();
  for (const words of [[], ["send"], ["client"]]) {
    const program = await place.run(place.start(words), 2);
    expect(program.stdout).toBe("");
    expect(program.stderr).toContain("error: ");
  }
  const server = place.start(["serve", "--json"], { env: { FILESPOOL_PORT: "0" } });
  expect((await server.seen("listening")).port).toBeGreaterThan(0);
  expect(existsSync(place.path("spool"))).toBe(true);
});
