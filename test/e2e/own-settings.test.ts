import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { builtMain } from "../support/built.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const isRoot = process.getuid?.() === 0;

/** A place with a server, and a file to send. */
async function served() {
  const place = new Place();
  const { port } = await place.serve();
  return { place, port, file: writeSmall(place.path("a"), "a") };
}

/** Gives the user of a place a config file. */
function userConfig(place: Place, values: object): string {
  const path = place.path("home/.config/filespool/config.json");
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, JSON.stringify(values));
  return path;
}

describe("settings that are read without being named", () => {
  const queueOf = async (place: Place, port: number, env?: Record<string, string>, ...words: string[]) => {
    const sender = place.start(["send", "--json", "--port", String(port), ...words], { env: env ?? {} });
    const ended = await sender.ended;
    return ended === 0 ? (await sender.seen("stored")).queue : `${ended} ${sender.stderr}`;
  };

  test("are the user's own; --verbose says which, or that there are none", async () => {
    const { place, port, file } = await served();
    const none = await place.run(place.send(port, "--verbose", file));
    const own = place.path("home/.config/filespool/config.json");
    expect(none.stderr).toContain(`no config file in ${own} or /etc/filespool/config.json`);
    userConfig(place, { queue: "mine" });
    const read = await place.run(place.send(port, "--verbose", file));
    expect([read.stderr, read.all("stored")]).toMatchObject([
      expect.stringContaining(`settings come from ${own}`),
      [{ queue: "mine" }],
    ]);
    const elsewhere = { XDG_CONFIG_HOME: place.path("xdg") };
    await place.run(place.start(["config", "init", "--queue", "theirs"], { env: elsewhere }));
    expect(await queueOf(place, port, elsewhere, file)).toBe("theirs");
    // A relative one is none, or it would lead into the folder where files land.
    mkdirSync(place.path("filespool"));
    writeSmall(place.path("filespool/config.json"), JSON.stringify({ queue: "not this" }));
    for (const env of [{ XDG_CONFIG_HOME: "." }, { XDG_CONFIG_HOME: "" }])
      expect(await queueOf(place, port, env, file)).toBe("mine");
  });

  test.each<[string, (file: string) => void, RegExp, isForRoot?: boolean]>([
    ["others may write to it", (file) => chmodSync(file, 0o666), /others may write to it; to fix it: chmod go-w/],
    ["its group may", (file) => chmodSync(file, 0o660), /others may write to it;/],
    ["others may write to its folder", (file) => chmodSync(join(file, ".."), 0o777), /others may write to the folder/],
    ["it is somebody else's", (file) => chownSync(file, 4711, 4711), /belongs to another user \(4711\)/, true],
    ["its folder is", (file) => chownSync(join(file, ".."), 4711, 4711), /belongs to another user/, true],
  ])("end the run before anything is done, where %s", async (_, spoil, sentence, isForRoot = false) => {
    if (isForRoot && !isRoot) return console.warn("skipped: only root can give files away");
    const place = new Place();
    const file = userConfig(place, { port: 1 });
    spoil(file);
    for (const words of [["send", "x"], ["receive"], ["serve"], ["list"], ["token", "list"], ["config", "check"], []]) {
      const run = await place.run(place.start([...words, ...(words.length > 0 ? ["--json"] : [])]), 2);
      expect(run.stderr).toMatch(sentence);
      expect(run.stderr).toContain(file);
    }
    expect(existsSync(place.path("spool"))).toBe(false);
  });

  test("may be a pipe that nobody writes to: that holds nobody up", async () => {
    const place = new Place();
    const path = userConfig(place, {});
    rmSync(path);
    spawnSync("mkfifo", [path]);
    const run = await place.run(place.start(["list", "--port", "1"]), 2);
    expect(run.stderr).toContain("it is no regular file");
    // One that was named is waited for, and given up when somebody says so.
    const named = place.start(["list", "--port", "1", "--config", path]);
    const writer = spawnSync("timeout", ["20", "sh", "-c", `printf '{"prot":1}' > '${path}'`]);
    expect([writer.status, await named.ended, named.stderr]).toEqual([0, 2, expect.stringContaining("unknown key")]);
    for (const words of [
      ["list", "--port", "1"],
      ["config", "show"],
      ["config", "check"],
    ]) {
      const waiting = place.start([...words, "--config", path]);
      // Opening it waits for the reader; then it stays open, so that nothing but the signal ends the waiting.
      const holder = `exec 3> '${path}'; kill -TERM ${waiting.pid}; tail --pid=${waiting.pid} --follow /dev/null`;
      const [status] = await once(spawn("timeout", ["20", "sh", "-c", holder]), "close");
      expect([words, status, await waiting.ended]).toEqual([words, 0, 130]);
    }
  });

  test("of the machine come after the user's own", async () => {
    const canMount = isRoot && spawnSync("unshare", ["--mount", "true"]).status === 0;
    if (!canMount) return console.warn("skipped: /etc can be replaced for one process only by root, with unshare");
    const { place, port, file } = await served();
    mkdirSync(place.path("etc"));
    writeSmall(place.path("etc/config.json"), JSON.stringify({ queue: "machine" }));
    // A file system for this process alone, in which /etc/filespool is ours.
    const send = () => {
      const inside =
        "mount -t tmpfs none /mnt && mkdir /mnt/up /mnt/work && " +
        "mount -t overlay -o lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work none /etc && mkdir -p /etc/filespool && " +
        'mount --bind "$1" /etc/filespool && shift && exec "$@"';
      const words = [builtMain(), "send", "--json", "--port", String(port), file];
      return spawnSync(
        "unshare",
        ["--mount", "sh", "-c", inside, "sh", place.path("etc"), process.execPath, ...words],
        {
          env: { ...process.env, HOME: place.path("home"), FILESPOOL_STATE: place.path("state") },
          encoding: "utf8",
        },
      );
    };
    expect(send().stdout).toContain('"queue":"machine"');
    userConfig(place, { digest: "sha256" });
    expect(send().stdout).toContain('"queue":"default"');
    rmSync(place.path("home/.config"), { recursive: true });
    chmodSync(place.path("etc"), 0o777);
    expect(send()).toMatchObject({ status: 2, stderr: expect.stringContaining("others may write to the folder") });
  });
});
