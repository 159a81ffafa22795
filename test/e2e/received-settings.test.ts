import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { builtMain } from "../support/built.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place, type Program } from "../support/process-program.ts";

const isRoot = process.getuid?.() === 0;
const CONFIG = "filespool.config.json";
const EXEC = JSON.stringify({ exec: "touch owned" });

/** A place with a server and a sender that has sent these files. */
async function sent(files: Record<string, string>) {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("from"), { recursive: true });
  const paths = Object.keys(files).map((name) => name.split("/")[0] as string);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(place.path("from"), name, ".."), { recursive: true });
    writeSmall(place.path("from", name), text);
  }
  await place.run(place.send(port, ...[...new Set(paths)].map((path) => place.path("from", path))));
  mkdirSync(place.path("work"));
  /** Without a folder: what is received lands where the program runs. */
  const receive = (...words: string[]): Program =>
    place.start(["receive", "--yes", "--port", String(port), ...words], { cwd: place.path("work") });
  return { place, port, receive };
}

describe("a file that was received is no settings", () => {
  test("neither by its name nor inside of a folder, whatever else is asked for", async () => {
    const { place, receive } = await sent({ [CONFIG]: EXEC, [`inner/${CONFIG}`]: EXEC, "c.txt": "last" });
    await place.run(receive("--if-exists", "overwrite"));
    expect(readdirSync(place.path("work")).sort()).toEqual([`_${CONFIG}`, "c.txt", "inner"]);
    expect(readdirSync(place.path("work/inner"))).toEqual([`_${CONFIG}`]);
    for (const cwd of ["work", "work/inner"]) {
      for (const words of [["receive", "--yes"], ["list"], ["config", "show", "receive"]])
        await place.start(words, { cwd: place.path(cwd) }).ended;
      expect(existsSync(place.path(cwd, "owned"))).toBe(false);
    }
  });

  test("nor where somebody has put it there: one line says that it is not read, and how to name it", async () => {
    const { place, receive } = await sent({ a: "a" });
    writeSmall(place.path("work", CONFIG), EXEC);
    const told = `warning: ${CONFIG} in this folder is not read`;
    const plain = await place.run(receive());
    expect([plain.stderr.split(told).length, existsSync(place.path("work/owned"))]).toEqual([2, false]);
    expect(plain.stderr).toContain(`to use it, add --config ${CONFIG}, or move it to `);
    expect(plain.stderr).toContain(place.path("home/.config/filespool/config.json"));
    expect((await place.run(receive("--quiet"))).stderr).toBe("");
    const json = await place.run(receive("--json"));
    expect(json.stdout.split("\n").filter((line) => line !== "" && !line.startsWith('{"event":'))).toEqual([]);
    expect(json.stderr).toContain(told);
    expect((await place.run(receive("--config", "/dev/null"))).stderr).not.toContain(told);
  });

  test("unless it is named: by --config, or by FILESPOOL_CONFIG", async () => {
    const { place, port } = await sent({ a: "a", b: "b" });
    writeSmall(place.path("work", CONFIG), JSON.stringify({ exec: "echo {} >> owned", port }));
    const words = ["receive", "--yes", "--count", "1"];
    const cwd = place.path("work");
    await place.run(place.start([...words, "--config", CONFIG], { cwd }));
    await place.run(place.start(words, { cwd, env: { FILESPOOL_CONFIG: CONFIG } }));
    expect(readFileSync(place.path("work/owned"), "utf8")).toBe(`${cwd}/a\n${cwd}/b\n`);
  });

  test.each(["refuse", "rename", "overwrite", "skip"])(
    "nor takes it the place of settings, with %s",
    async (policy) => {
      const { place, port } = await sent({ "filespool/config.json": EXEC });
      mkdirSync(place.path("home/.config"));
      const into = (out: string, ...more: string[]) =>
        place.start(["receive", "--json", "--port", String(port), "--out", out, "--if-exists", policy, ...more]);
      // A folder that is that of our settings; then one that would be a file in it.
      const above = await place.run(into(place.path("home/.config")), 4);
      expect(above.all("refused")).toMatchObject([{ name: "filespool", code: "name-refused" }]);
      expect(existsSync(place.path("home/.config/filespool"))).toBe(false);
      // A secret that this very run reads, and the key of the sender.
      await place.run(place.send(port, writeSmall(place.path("token.txt"), "theirs")));
      writeSmall(place.path("token.txt"), "my-token");
      const named = await into(place.folder, "--token-file", place.path("token.txt")).ended;
      expect([named, readFileSync(place.path("token.txt"), "utf8")]).toEqual([4, "my-token"]);
      const key = readFileSync(place.path("state/sender-key"), "utf8");
      await place.run(place.send(port, writeSmall(place.path("from/sender-key"), "theirs")));
      expect(await into(place.path("state")).ended).toBe(4);
      expect(readFileSync(place.path("state/sender-key"), "utf8")).toBe(key);
    },
  );

  test("nor anything in a place of our own, which is found before a server is asked, whatever the policy", async () => {
    const { place, port } = await sent({ a: "a" });
    // A state folder that nobody has named is among them.
    const places = [
      "home/.config/filespool",
      "home/.local/state/filespool",
      "state/filespool/x",
      "spool",
      "spool/data",
    ];
    for (const [at, out] of places.entries()) {
      const policy = ["overwrite", "refuse", "rename", "skip"][at % 4] as string;
      const words = ["receive", "--json", "--port", String(port), "--out", place.path(out), "--if-exists", policy];
      const refused = await place.run(place.start(words), 7);
      expect(refused.all("error")).toMatchObject([{ code: "folder-unusable" }]);
      expect(refused.all("connected")).toEqual([]);
    }
  });

  test("nor by a name that somebody types", async () => {
    const place = new Place();
    for (const [name, code] of [
      [CONFIG, 2],
      ["FILESPOOL.CONFIG.JSON", 2],
      [".filespool-x", 2],
      ["home/.config/filespool/config.json", 7],
    ] as const) {
      const run = await place.run(place.start(["receive", "--port", "1", "--output", name]), code);
      expect(run.stderr).toMatch(/filespool itself reads files of that name|is kept for the settings/);
    }
  });
});

test("no command opens anything of its working folder that nobody has named", async () => {
  if (spawnSync("strace", ["-V"]).status !== 0) return console.warn("skipped: strace is missing");
  const { place, port } = await sent({ a: "a" });
  const cwd = place.path("work");
  for (const words of [
    ["send", "--port", String(port), place.path("from/a"), "--again"],
    ["receive", "--port", String(port), "--out", place.path("in"), "--if-exists", "rename"],
    ["list", "--port", String(port)],
    ["dead", "--port", String(port)],
    ["token", "list", "--spool", place.path("spool")],
    ["config", "show"],
    ["config", "check"],
    ["completion", "bash"],
  ]) {
    const trace = place.path("trace");
    const env = {
      ...process.env,
      HOME: place.path("home"),
      FILESPOOL_STATE: place.path("state"),
      NODE_V8_COVERAGE: "",
    };
    const traced = ["-f", "-qq", "-e", "trace=openat,open,execve,readlink,readlinkat", "-o", trace, process.execPath];
    const { status } = spawnSync("strace", [...traced, builtMain(), ...words], { cwd, env });
    expect([words[0], status]).toEqual([words[0], 0]);
    const opened = [...readFileSync(trace, "utf8").matchAll(/(?:open|openat|readlink\w*)\((?:AT_FDCWD, )?"([^"]*)"/g)];
    expect(opened.length).toBeGreaterThan(5);
    const here = opened
      .map(([, path]) => path as string)
      .filter((path) => !path.startsWith("/") || path.startsWith(cwd));
    expect([words[0], here]).toEqual([words[0], []]);
  }
});

describe("a spool that was received is nobody's spool", () => {
  test("the default one is not believed unless this program has made it, or somebody names it once", async () => {
    const { place, receive } = await sent({ "spool/tokens.json": '{"format":1,"tokens":[]}' });
    await place.run(receive());
    const cwd = place.path("work");
    expect(readdirSync(join(cwd, "spool"))).toEqual(["tokens.json"]);
    for (const words of [
      ["token", "list"], // those that end by themselves come first: a server that believed it would be waited for
      ["token", "create", "--queue", "q"],
      ["invite"],
      ["serve", "--port", "0"],
    ]) {
      const run = await place.run(place.start([...words, "--yes"], { cwd }), 2);
      expect(run.stderr).toMatch(
        /the folder \.\/spool exists, but nothing shows that it is your spool.*--spool \.\/spool/,
      );
    }
    await place.run(place.start(["token", "create", "--queue", "q", "--spool", "./spool"], { cwd }));
    await place.run(place.start(["token", "list"], { cwd }));
  });

  test("one that it has made is used again without being named", async () => {
    const place = new Place();
    for (let round = 0; round < 2; round++) {
      const server = place.start(["serve", "--yes", "--json", "--port", "0"]);
      await server.seen("listening");
      expect(await server.kill("SIGTERM")).toBe(0);
    }
    await place.run(place.start(["token", "create", "--queue", "q", "--quiet"]));
  });
});

test("a server says at its start what of its spool others may write", async () => {
  const place = new Place();
  const spool = place.path("spool");
  await place.run(place.start(["token", "create", "--queue", "q", "--spool", spool]));
  const start = async () => {
    const server = await place.serve("--tls");
    await server.kill("SIGTERM");
    return server.stderr;
  };
  expect(await start()).toBe("");
  chmodSync(join(spool, "tokens.json"), 0o660);
  expect(await start()).toContain(
    `others may write to the tokens ${join(spool, "tokens.json")}; to fix it: chmod go-w`,
  );
  chmodSync(join(spool, "tokens.json"), 0o600);
  chmodSync(spool, 0o777);
  expect(await start()).toContain(`others may write to the spool folder ${spool}; to fix it: chmod go-w ${spool}`);
  chmodSync(spool, 0o700);
  if (!isRoot) return console.warn("skipped in part: only root can give files away");
  chownSync(join(spool, "tls/key.pem"), 4711, 4711);
  expect(await start()).toContain(
    `the key of the certificate ${join(spool, "tls/key.pem")} belongs to another user (4711)`,
  );
});

test("in a working folder that was removed, every command says so in a sentence", () => {
  const place = new Place();
  const env = { ...process.env, HOME: place.path("home"), FILESPOOL_STATE: place.path("state"), NODE_V8_COVERAGE: "" };
  for (const words of [
    ["send", "x"],
    ["receive"],
    ["serve"],
    ["list", "--json"],
    ["token", "list"],
    ["config", "show"],
    [],
  ]) {
    mkdirSync(place.path("gone"));
    const inGone = ["-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", place.path("gone")];
    const run = spawnSync("sh", [...inGone, process.execPath, builtMain(), ...words], { env, encoding: "utf8" });
    expect([words[0], run.status, run.stderr]).toEqual([
      words[0],
      7,
      expect.stringMatching(/^error: the working folder no longer exists; change to another one \(cd\)\n.*\n?$/),
    ]);
    if (words.includes("--json")) expect(JSON.parse(run.stdout)).toMatchObject({ event: "error", exitCode: 7 });
  }
});
