/** What a new user does wrong, and what is said then: what happened, to which file or address, what to do; no stack. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { frameOf, WELCOME } from "../support/raw-peer.ts";
import { start } from "./environment.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), "filespool-messages-"));
const closers: (() => unknown)[] = [];
/** Ports by the names that stand for them in the table, and other words that are known only when it runs. */
const words: Record<string, string> = {};
const ID = "6f2a9c0113d84be7a5c2f0e19d7b3a64";
const FINGERPRINT = "ab".repeat(32);

/** A port where `say` is all that a connection hears. */
async function talker(say: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    say(socket.resume());
  }).listen(0, "localhost");
  await once(server, "listening");
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return String((server.address() as AddressInfo).port);
}

/** A server of ours in this process. */
async function serve(name: string, ...more: string[]): Promise<string> {
  const server = start(folder, ["serve", "--json", "--port", "0", "--spool", name, ...more]);
  closers.push(() => {
    server.interrupt.abort();
    return server.code;
  });
  await server.stdout.shows("\n");
  return String((JSON.parse(server.stdout.text.split("\n")[0] as string) as { port: number }).port);
}

async function finish(typed: readonly string[], env: Record<string, string> = {}) {
  const program = start(folder, [...typed], { env });
  return { code: await program.code, err: program.stderr.text, out: program.stdout.text };
}

beforeAll(async () => {
  process.chdir(folder);
  writeFileSync(join(folder, "a.txt"), "a");
  mkdirSync(join(folder, "config-folder"));
  for (const [name, text] of Object.entries({ cut: '{"port": 1', prot: '{"prot": 1}', value: '{"port": "x"}' }))
    writeFileSync(join(folder, `${name}.json`), text);
  words.HTTP = await talker((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  words.SSH = await talker((socket) => socket.write("SSH-2.0-OpenSSH_9.2p1\r\n"));
  words.CLOSES = await talker((socket) => socket.end());
  words.NEWER = await talker((socket) => socket.write(frameOf({ ...WELCOME, version: 9 })));
  words.OURS = await serve("spool");
  const secret = await finish(["token", "create", "--spool", "closed", "--queue", "q", "--rights", "send"]);
  words.SECRET = /fst_\S+/.exec(secret.out)?.[0] as string;
  words.CLOSED = await serve("closed", "--tokens");
  words.TLS = await serve("encrypted", "--tls");
  // Nobody listens on port 1, and only root could.
  words.NOBODY = "1";
});
afterAll(async () => {
  for (const close of closers) await close();
  process.chdir(import.meta.dirname);
  rmSync(folder, { recursive: true, force: true });
});

const send = (port: string, ...more: string[]) => ["send", "--port", port, "--retry", "0", ...more, "a.txt"];
const OTHER_PROGRAM =
  /localhost:\d+: the other end does not speak this protocol.*\n +check that --host and --port lead/;
const TLS_SIDES = /localhost:\d+ encrypts, but this end does not\n +add --tls, or use an invite/;

test.each<[string, string[], number, RegExp, Record<string, string>?]>([
  // Where the server is.
  ["no server", send("NOBODY"), 3, /cannot reach a server at localhost:1: nobody listens .*\n +.*filespool serve/],
  ["no server to list", ["list", "--port", "NOBODY", "--retry", "0"], 3, /at localhost:1: nobody listens there/],
  ["no such host", send("OURS", "--host", "no.invalid"), 3, /at no\.invalid:\d+: .*(name|looked up).*\n +check --host/],
  ["a web server", send("HTTP"), 6, OTHER_PROGRAM],
  ["an SSH server", send("SSH"), 6, OTHER_PROGRAM],
  [
    "a server that hangs up",
    send("CLOSES"),
    3,
    /localhost:\d+ closed the connection without sending anything\n +run the same/,
  ],
  ["a newer server", send("NEWER"), 4, /localhost:\d+: the server answers in version 9\n +install the same version/],
  ["port taken", ["serve", "--port", "OURS", "--spool", "s"], 7, /cannot listen on localhost:\d+: another program/],
  [
    "a host of others",
    ["serve", "--host", "203.0.113.9", "--insecure", "--spool", "s2"],
    7,
    /listen on 203\.0\.113\.9:\d+: this machine/,
  ],
  // Who may.
  ["no token", send("CLOSED"), 4, /localhost:\d+: .*token.*\n +give a valid token with FILESPOOL_TOKEN/],
  ["wrong token", send("CLOSED"), 4, /localhost:\d+: .*token.*\n +give a valid token/, { FILESPOOL_TOKEN: "x" }],
  [
    "no right",
    ["receive", "--port", "CLOSED", "--queue", "q"],
    4,
    /token.*\n +ask the operator of the server/,
    { FILESPOOL_TOKEN: "SECRET" },
  ],
  ["plain to TLS", send("TLS"), 4, TLS_SIDES],
  [
    "TLS to plain",
    send("OURS", "--tls"),
    4,
    /localhost:\d+ does not encrypt, but this end does\n +leave out --tls, --tls-ca and --fingerprint/,
  ],
  [
    "unknown authority",
    send("TLS", "--tls"),
    4,
    /certificate of localhost:\d+ is refused: no authority.*\n +ask the operator/,
  ],
  ["wrong fingerprint", send("TLS", "--fingerprint", FINGERPRINT), 4, /has the certificate .* not the one.*\n +ask/],
  [
    "half an invite",
    ["send", "a.txt"],
    2,
    /not a valid invite: its token is cut off/,
    { FILESPOOL_INVITE: "filespool://h/q#token=fst_1" },
  ],
  // Files, folders, queues.
  [
    "no such file",
    ["send", "--port", "OURS", "none"],
    7,
    /failed +cannot send none: there is no such file.*\n +check the/,
  ],
  ["name refused", send("OURS", "--name", "a/b"), 2, /--name does not accept "a\/b"/],
  [
    "out is a file",
    ["receive", "--port", "OURS", "--out", "a.txt"],
    7,
    /cannot use \/\S+\/a\.txt: .*where a folder is needed.*\n +check/,
  ],
  [
    "out is below a file",
    ["receive", "--port", "OURS", "--out", "a.txt/x"],
    7,
    /cannot use \/\S+\/a\.txt\/x: .*\n +check/,
  ],
  [
    "spool in use",
    ["serve", "--port", "0", "--spool", "spool"],
    7,
    /another server is using the spool.*\n +stop the other server/,
  ],
  ["spool is a file", ["serve", "--port", "0", "--spool", "a.txt"], 7, /cannot use the spool a\.txt: .*\n +check/],
  ["empty queue", ["receive", "--port", "OURS", "--out", "in"], 0, /^$/],
  ["unknown transfer", ["status", ID, "--port", "OURS"], 4, /^$/],
  // Settings and words.
  [
    "config cut off",
    ["list", "--config", "cut.json"],
    2,
    /config file cut\.json is not valid JSON: line 1, column 11: the file ends/,
  ],
  ["config key", ["list", "--config", "prot.json"], 2, /prot\.json has the unknown key "prot": did you mean "port"\?/],
  ["config value", ["list", "--config", "value.json"], 2, /"port" in value\.json does not accept "x": it takes/],
  ["config missing", ["list", "--config", "none.json"], 2, /none\.json cannot be read: there is no such file/],
  ["config is a folder", ["list", "--config", "config-folder"], 2, /config-folder cannot be read: it is a folder/],
  ["size", ["serve", "--buffer-size", "1X"], 2, /--buffer-size does not accept "1X": it takes a size from 1KiB/],
  ["duration", ["send", "--retry", "fast", "a.txt"], 2, /--retry does not accept "fast": it takes a duration/],
  ["mistyped command", ["recieve"], 2, /unknown command 'recieve' \(Did you mean receive\?\)/],
  ["unknown command", ["frobnicate"], 2, /unknown command 'frobnicate'; see filespool --help/],
  ["mistyped flag", ["receive", "--folow"], 2, /unknown option '--folow' \(Did you mean --follow\?\)/],
  ["unknown flag", ["receive", "--zzzz"], 2, /unknown option '--zzzz'; see filespool receive --help/],
  ["no such shell", ["completion", "fsh"], 2, /shell cannot be 'fsh'; it must be one of bash, zsh, fish/],
  ["an id that is none", ["status", "xyz"], 2, /"xyz" is not the id of a transfer: an id has 32 hexadecimal digits/],
])(
  "%s: says what happened and what to do, in two lines, with its exit code",
  async (_, typed, code, said, env = {}) => {
    const known = (word: string) => words[word] ?? word;
    const variables = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, known(value)]));
    const { err, ...ended } = await finish(typed.map(known), variables);
    expect({ ...ended, err }).toMatchObject({ code, err: expect.stringMatching(said) });
    expect(err.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
    expect(err).not.toMatch(/\n\s+at |undefined|\[object/);
  },
);

test("a command that fails says so, for each attempt of a run that waits, and once what to do about it", async () => {
  expect((await finish(["send", "--port", words.OURS as string, "a.txt"])).code).toBe(0);
  const { code, err } = await finish([
    "receive",
    "--port",
    words.OURS as string,
    "--out",
    "in",
    "--exec",
    "exit 3",
    "--wait",
    "1s",
  ]);
  expect(code).toBe(7);
  expect(err).toMatch(
    /attempt 1: the command for \/\S+\/in\/a\.txt ended with exit code 3\n +the file is back in its queue; repair/,
  );
  expect(err.match(/repair the command/g)).toHaveLength(1);
});
