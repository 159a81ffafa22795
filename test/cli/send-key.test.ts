import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { senderKey } from "../../src/cli/commands/send-key.ts";
import { stateFolder } from "../../src/cli/settings/base-directories.ts";

let root: string;
let folder: string;
let warnings: string[];
const warn = (sentence: string) => warnings.push(sentence);
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "filespool-key-"));
  folder = join(root, "state", "filespool");
  warnings = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("the key is made once and is the same ever after", async () => {
  const key = await senderKey(folder, warn);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await senderKey(folder, warn)).toBe(key);
  expect(await senderKey(join(root, "other"), warn)).not.toBe(key);
  expect(warnings).toEqual([]);
});

test("nobody else can read it, and nothing else is left in the folder", async () => {
  await senderKey(folder, warn);
  expect(await modeOf(join(folder, "sender-key"))).toBe(0o600);
  expect(await modeOf(folder)).toBe(0o700);
  expect(await readdir(folder)).toEqual(["sender-key"]);
});

test("many who start at once on a new machine all get the same key", async () => {
  for (let round = 0; round < 20; round++) {
    const fresh = join(root, String(round));
    const keys = await Promise.all(Array.from({ length: 16 }, () => senderKey(fresh, warn)));
    expect(new Set(keys).size).toBe(1);
    expect(await readFile(join(fresh, "sender-key"), "utf8")).toBe(`${keys[0]}\n`);
    expect(await readdir(fresh)).toEqual(["sender-key"]);
  }
  expect(warnings).toEqual([]);
});

test("a key that others could read is closed to them", async () => {
  const key = await senderKey(folder, warn);
  await chmod(join(folder, "sender-key"), 0o644);
  expect(await senderKey(folder, warn)).toBe(key);
  expect(await modeOf(join(folder, "sender-key"))).toBe(0o600);
});

test("without a usable folder there is a key for this run, and a sentence that says why", async () => {
  await writeFile(join(root, "state"), "a file, where a folder should be");
  const key = await senderKey(folder, warn);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await senderKey(folder, warn)).not.toBe(key);
  expect(warnings[0]).toMatch(
    /^the sender key .*sender-key cannot be used, so a send that is killed has to start again: .+ \(ENOTDIR\)$/,
  );
});

test.each<[string, (path: string) => Promise<unknown>]>([
  ["others may write", (path) => chmod(path, 0o620)],
  ["others may write through its folder", (path) => chmod(join(path, ".."), 0o777)],
])("a key that %s is not used: they could have put theirs there", async (_, spoil) => {
  const key = await senderKey(folder, warn);
  await spoil(join(folder, "sender-key"));
  expect(await senderKey(folder, warn)).not.toBe(key);
  expect(warnings[0]).toMatch(/others may write to .*; to fix it: chmod go-w /);
});

test("a pipe in the place of the key holds nobody up", async () => {
  await mkdir(folder, { recursive: true });
  execFileSync("mkfifo", [join(folder, "sender-key")]);
  expect(await senderKey(folder, warn)).toMatch(/^[0-9a-f]{64}$/);
  expect(warnings[0]).toContain("it is no regular file");
});

test("a file that holds no key is neither believed nor replaced", async () => {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "sender-key"), "");
  expect(await senderKey(folder, warn)).toMatch(/^[0-9a-f]{64}$/);
  expect(warnings[0]).toContain("the file does not hold a key; remove it to get a new one");
  expect(await readFile(join(folder, "sender-key"), "utf8")).toBe("");
});

test("a name that is taken by what cannot be read is a warning as well", async () => {
  await mkdir(join(folder, "sender-key"), { recursive: true });
  expect(await senderKey(folder, warn)).toMatch(/^[0-9a-f]{64}$/);
  expect(warnings[0]).toContain("it is a folder");
});

test("the folder: FILESPOOL_STATE, else XDG_STATE_HOME, else the home folder", () => {
  expect(stateFolder({ FILESPOOL_STATE: "/a", XDG_STATE_HOME: "/b" })).toBe("/a");
  expect(stateFolder({ XDG_STATE_HOME: "/b" })).toBe("/b/filespool");
  expect(stateFolder({ HOME: "/home/a" })).toBe("/home/a/.local/state/filespool");
  const passwd = join(userInfo().homedir, ".local/state/filespool");
  // A relative one would lead into the working folder.
  for (const env of [{}, { HOME: "" }, { HOME: "home" }, { HOME: "", XDG_STATE_HOME: "state" }])
    expect(stateFolder(env)).toBe(passwd);
});
