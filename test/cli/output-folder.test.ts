/** The folder below $TMPDIR in which `receive --output -` gathers large files: whose it is, who may see it, when it goes. */
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { OutputFolder } from "../../src/cli/commands/output-folder.ts";
import { replaceCall } from "../support/disk-faults.ts";

const DAY_MS = 86_400_000;
const WHAT = "host:5011/default";
const isRoot = process.geteuid?.() === 0;
let tmp = "";

/** A $TMPDIR for each test: the folders of all programs are looked through. */
beforeEach(() => {
  const { TMPDIR } = process.env;
  tmp = mkdtempSync(join(tmpdir(), "filespool-test-"));
  process.env.TMPDIR = tmp;
  onTestFinished(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    rmSync(tmp, { recursive: true, force: true });
  });
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const aged = (path: string, days: number): void => {
  const at = new Date(Date.now() - days * DAY_MS - 60_000);
  utimesSync(path, at, at);
};

/** As a run that is killed in the middle of a file leaves it: something in it, and no lock. @returns its path */
async function leave(what = WHAT): Promise<string> {
  const folder = new OutputFolder(what);
  const path = await folder.path();
  writeFileSync(join(path, "part"), "half");
  expect(await folder.close()).toBe(path);
  return path;
}

describe("the folder of a run", () => {
  test("is made when it is needed, for nobody else to look into, and is gone when nothing is left in it", async () => {
    const folder = new OutputFolder(WHAT);
    await folder.resume();
    expect(readdirSync(tmp)).toEqual([]);
    const path = await folder.path();
    expect(await folder.path()).toBe(path);
    expect([modeOf(path), readdirSync(tmp).length]).toEqual([0o700, 1]);
    expect(await folder.close()).toBeNull();
    expect(readdirSync(tmp)).toEqual([]);
    expect(await folder.close()).toBeNull();
  });

  test("is found again by the next run for the same server and queue, with what was left, and by no other", async () => {
    const path = await leave();
    const other = new OutputFolder("host:5011/other");
    await other.resume();
    expect(await other.path()).not.toBe(path);
    await other.close();
    const next = new OutputFolder(WHAT);
    await next.resume();
    expect(await next.path()).toBe(path);
    rmSync(join(path, "part"));
    expect(await next.close()).toBeNull();
    expect(readdirSync(tmp)).toEqual([]);
  });

  test("is another one where a run is using it: two at a time do not meet", async () => {
    const folders = [new OutputFolder(WHAT), new OutputFolder(WHAT), new OutputFolder(WHAT)];
    const paths = await Promise.all(folders.map((folder) => folder.path()));
    expect(new Set(paths).size).toBe(3);
    expect(paths.map(modeOf)).toEqual([0o700, 0o700, 0o700]);
    expect(await Promise.all(folders.map((folder) => folder.close()))).toEqual([null, null, null]);
    expect(readdirSync(tmp)).toEqual([]);
  });

  test("is a further one where a run that tidies up takes a new one, not locked yet, for one that nobody uses", async () => {
    const first = new OutputFolder(WHAT);
    const second = new OutputFolder(WHAT);
    const third = new OutputFolder(WHAT);
    await first.path();
    let isTaken = false;
    replaceCall("mkdtemp", (mkdtemp) => async (...words) => {
      const made = await mkdtemp(...words);
      // Exactly between the making of the folder and its lock.
      if (!isTaken) {
        isTaken = true;
        await third.path();
        expect(existsSync(String(made))).toBe(false);
      }
      return made;
    });
    const paths = [await first.path(), await second.path(), await third.path()];
    expect(new Set(paths).size).toBe(3);
    for (const folder of [first, second, third]) expect(await folder.close()).toBeNull();
    expect(readdirSync(tmp)).toEqual([]);
  });

  test("is left to a run that comes while it is being removed", async () => {
    const first = new OutputFolder(WHAT);
    const path = await first.path();
    const second = new OutputFolder(WHAT);
    replaceCall("rmdir", (rmdir) => async (...words) => {
      if (words[0] === path && !existsSync(join(path, ".filespool-lock"))) expect(await second.path()).toBe(path);
      return rmdir(...words);
    });
    expect(await first.close()).toBeNull();
    writeFileSync(join(path, "part"), "half");
    expect(await second.close()).toBe(path);
  });

  test("cannot be made: the sentence says for what, where, and how to name another place", async () => {
    process.env.TMPDIR = join(tmp, "missing");
    await expect(new OutputFolder(WHAT).path()).rejects.toMatchObject({
      code: "folder-unusable",
      message: expect.stringMatching(
        /^cannot keep large files in .*missing until they are verified: .*; set TMPDIR to another folder/,
      ),
    });
  });
});

describe("what somebody else has put in its place is not used, and stays as it is:", () => {
  const foreign: [string, (path: string) => void][] = [
    ["a file", (path) => writeFileSync(path, "theirs")],
    ["a link to a folder", (path) => symlinkSync(join(tmp, "theirs"), path)],
    ["a folder that others may write to", (path) => chmodSync(mkdirSync(path, { recursive: true }) as string, 0o777)],
    ["a folder that others may read", (path) => chmodSync(mkdirSync(path, { recursive: true }) as string, 0o755)],
    ...(isRoot ? [["another user's folder", othersFolder] as [string, (path: string) => void]] : []),
  ];

  function othersFolder(path: string): void {
    mkdirSync(path, { mode: 0o700 });
    lchownSync(path, 12_345, 12_345);
  }

  test.each(foreign)("%s", async (_, put) => {
    mkdirSync(join(tmp, "theirs"));
    writeFileSync(join(tmp, "theirs", "kept"), "");
    const ordinary = await leave();
    rmSync(ordinary, { recursive: true });
    put(ordinary);
    const folder = new OutputFolder(WHAT);
    await folder.resume();
    const path = await folder.path();
    expect(path.startsWith(`${ordinary}-`)).toBe(true);
    expect(modeOf(path)).toBe(0o700);
    expect(await folder.close()).toBeNull();
    expect(readdirSync(tmp).sort()).toEqual([ordinary.slice(tmp.length + 1), "theirs"].sort());
    expect(readdirSync(join(tmp, "theirs"))).toEqual(["kept"]);
  });

  test("a lock in our folder that is a link", async () => {
    const path = await leave();
    rmSync(join(path, ".filespool-lock"));
    symlinkSync(join(tmp, "made-by-us"), join(path, ".filespool-lock"));
    const folder = new OutputFolder(WHAT);
    expect(await folder.path()).not.toBe(path);
    await folder.close();
    expect(existsSync(join(tmp, "made-by-us"))).toBe(false);
  });
});

describe("a run tidies up after others:", () => {
  const user = `filespool-output-${process.geteuid?.() ?? 0}`;
  const make = (name: string, days = 0): string => {
    const path = join(tmp, name);
    mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(path, "part"), "half");
    aged(path, days);
    return name;
  };

  test("what nobody came for in a week, those of a lot at once, and those of earlier versions after a day", async () => {
    const key = "0123456789abcdef";
    make(`${user}-${key}`, 7);
    make(`${user}-${key}-AbC123`);
    make("filespool-output-AbC123", 1);
    const kept = [
      make(`${user}-fedcba9876543210`, 6),
      make("filespool-output-XyZ789", 0),
      make("filespool-output-99999-0123456789abcdef", 30),
      make("filespool-outputs", 30),
    ];
    const folder = new OutputFolder(WHAT);
    const path = await folder.path();
    expect(readdirSync(tmp).sort()).toEqual([...kept, path.slice(tmp.length + 1)].sort());
    await folder.close();
  });

  test("never what is in use, nor through a link", async () => {
    const used = new OutputFolder("host:5011/other");
    const path = await used.path();
    aged(path, 30);
    mkdirSync(join(tmp, "theirs"));
    writeFileSync(join(tmp, "theirs", "kept"), "");
    symlinkSync(join(tmp, "theirs"), join(tmp, `${user}-0123456789abcdef-AbC123`));
    const folder = new OutputFolder(WHAT);
    await folder.path();
    expect(await folder.close()).toBeNull();
    expect([existsSync(path), readdirSync(join(tmp, "theirs"))]).toEqual([true, ["kept"]]);
    await used.close();
  });
});
