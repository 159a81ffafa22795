import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../src/cli/exit-codes.ts";
import { configPlaces } from "../../src/cli/settings/base-directories.ts";
import { loadConfig } from "../../src/cli/settings/config-file.ts";

let folder: string;
/** Where the user's own file is. */
let own: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "filespool-config-"));
  own = join(folder, "home/.config/filespool/config.json");
  mkdirSync(dirname(own), { recursive: true });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

const load = (named?: string, env: Record<string, string> = { HOME: join(folder, "home") }) =>
  loadConfig(named, { env, folder });
const problem = async (named?: string): Promise<string> => {
  const error = await load(named).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UsageError);
  return (error as Error).message;
};

describe("which file is read", () => {
  test("none of the working folder that was not named", async () => {
    writeFileSync(join(folder, "filespool.config.json"), '{"exec":"echo {}"}');
    expect(await load()).toBeNull();
    expect(await load("filespool.config.json")).toEqual({
      path: "filespool.config.json",
      values: { exec: "echo {}" },
    });
  });

  test("the user's own, unless another was named; that one must be there", async () => {
    writeFileSync(own, '{"port": 7}');
    expect(await load()).toEqual({ path: own, values: { port: 7 } });
    writeFileSync(join(folder, "other.json"), '{"port": 8}');
    expect(await load("other.json")).toMatchObject({ path: "other.json", values: { port: 8 } });
    expect(await load(join(folder, "other.json"))).toMatchObject({ values: { port: 8 } });
    expect(await load("/dev/null")).toMatchObject({ values: {} });
    expect(await problem("none.json")).toBe(
      "the config file none.json cannot be read: there is no such file or folder (ENOENT)",
    );
  });

  test("XDG_CONFIG_HOME says where, unless it is relative; so does HOME; the machine's own comes last", () => {
    const machine = "/etc/filespool/config.json";
    expect(configPlaces({ XDG_CONFIG_HOME: "/x", HOME: "/h" })).toEqual(["/x/filespool/config.json", machine]);
    expect(configPlaces({ XDG_CONFIG_HOME: "x", HOME: "/h" })).toEqual(["/h/.config/filespool/config.json", machine]);
    for (const env of [{ HOME: "" }, { HOME: "." }, { HOME: "", XDG_CONFIG_HOME: "." }, {}])
      for (const place of configPlaces(env)) expect(place).toMatch(/^\//);
  });
});

describe("a file that others could have written", () => {
  const isRoot = process.geteuid?.() === 0;
  const STRANGER = 4711;

  test.each<[string, () => void, RegExp, asRoot?: true]>([
    ["its mode", () => chmodSync(own, 0o620), /others may write to it; to fix it: chmod go-w \S+config\.json/],
    ["its mode, for all", () => chmodSync(own, 0o602), /others may write to it;/],
    ["its folder", () => chmodSync(dirname(own), 0o770), /others may write to the folder \S+\/filespool; to fix it/],
    [
      "its folder, though each may remove only what is theirs",
      () => chmodSync(dirname(own), 0o1777),
      /others may write to the folder \S+\/filespool;/,
    ],
    [
      "a folder before it, which could become another one",
      () => chmodSync(join(folder, "home/.config"), 0o777),
      /others may write to the folder \S+\/\.config; to fix it: chmod go-w \S+\.config/,
    ],
    ["its owner", () => chownSync(own, STRANGER, -1), /it belongs to another user \(4711\); to fix it: chown 0/, true],
    [
      "the owner of its folder",
      () => chownSync(dirname(own), STRANGER, -1),
      /the folder \S+\/filespool belongs to another user/,
      true,
    ],
    [
      "a folder that holds what a link leads to",
      () => {
        mkdirSync(join(folder, "open"));
        writeFileSync(join(folder, "open/real.json"), "{}");
        rmSync(own);
        symlinkSync(join(folder, "open/real.json"), own);
        chmodSync(join(folder, "open"), 0o777);
      },
      /others may write to the folder \S+\/open;/,
    ],
    [
      "what a link leads to",
      () => {
        writeFileSync(join(folder, "real.json"), "{}");
        chmodSync(join(folder, "real.json"), 0o666);
        rmSync(own);
        symlinkSync(join(folder, "real.json"), own);
      },
      /others may write to it;/,
    ],
    [
      "the folder of a link on the way",
      () => {
        mkdirSync(join(folder, "open"));
        mkdirSync(join(folder, "real"));
        writeFileSync(join(folder, "real/config.json"), "{}");
        rmSync(dirname(own), { recursive: true });
        // Two links: the second one is in a folder where anybody may replace it.
        symlinkSync(join(folder, "real"), join(folder, "open/second"));
        symlinkSync(join(folder, "open/second"), dirname(own));
        chmodSync(join(folder, "open"), 0o777);
      },
      /others may write to the folder \S+\/open;/,
    ],
  ])("is not read, and the sentence says what to do: %s", async (_, spoil, sentence, asRoot) => {
    if (asRoot && !isRoot) return console.warn("skipped: only root can give files away");
    writeFileSync(own, "{}");
    expect(await load()).toMatchObject({ values: {} });
    spoil();
    const message = await problem();
    expect(message).toMatch(sentence);
    expect(message).toContain(`the config file ${own} is not read: `);
    // Who names it has decided.
    expect(await load(own)).toMatchObject({ values: {} });
  });

  test("links are followed where nobody else could have made them", async () => {
    mkdirSync(join(folder, "dotfiles"));
    writeFileSync(join(folder, "dotfiles/config.json"), '{"port": 9}');
    rmSync(dirname(own), { recursive: true });
    symlinkSync("../../dotfiles", dirname(own));
    expect(await load()).toMatchObject({ path: own, values: { port: 9 } });
    rmSync(join(folder, "dotfiles/config.json"));
    expect(await load()).toBeNull();
  });

  test("a link in a folder like /tmp counts as its owner's", async () => {
    if (!isRoot) return console.warn("skipped: only root can give links away");
    const shared = join(folder, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    mkdirSync(join(folder, "mine/filespool"), { recursive: true });
    writeFileSync(join(folder, "mine/filespool/config.json"), '{"port": 3}');
    symlinkSync(join(folder, "mine"), join(shared, "config"));
    const env = { XDG_CONFIG_HOME: join(shared, "config") };
    expect(await load(undefined, env)).toMatchObject({ values: { port: 3 } });
    const { lchownSync } = await import("node:fs");
    lchownSync(join(shared, "config"), STRANGER, STRANGER);
    await expect(load(undefined, env)).rejects.toThrow(/the link \S+ belongs to another user/);
  });
});

describe("what a file holds", () => {
  test.each<[string, string | Buffer, RegExp]>([
    [
      "half an object",
      "{",
      /^the config file x\.json is not valid JSON: line 1, column 2: the file ends here; expected a key/,
    ],
    ["a list", "[]", /must hold one JSON object/],
    ["null", "null", /must hold one JSON object/],
    ["a number", "7", /must hold one JSON object/],
    ["camelCase", '{"bufferSize": 1}', /has the unknown key "bufferSize": did you mean "buffer-size"\?$/],
    ["a typing mistake", '{"prot": 1}', /has the unknown key "prot": did you mean "port"\?$/],
    ["an odd key", '{"zzzzzz": 1}', /unknown key "zzzzzz": keys are named like flags, without the leading --/],
    ["__proto__", '{"__proto__": 1}', /has the unknown key "__proto__"/],
    ["nothing", "", /^the config file x\.json is empty; write \{\} into it for no settings$/],
    ["line ends", " \n\n", /is empty/],
    ["a key twice", '{"port":1, "host":"a\\"{", "port":2}', /has the key "port" twice; remove one of them$/],
    ["a key twice, differently written", '{"port":1,"p\\u006frt":2}', /has the key "port" twice/],
    ["UTF-16", Buffer.from('\ufeff{"port":1}', "utf16le"), /cannot be read: it is in UTF-16; save it as UTF-8$/],
    ["UTF-16, big end first", Buffer.from('\ufeff{"port":1}', "utf16le").swap16(), /it is in UTF-16/],
    ["Latin-1", Buffer.from('{"out":"Gr\xfc\xdfe"}', "latin1"), /it is not in UTF-8$/],
    ["more than a MiB", `{"out":"${"x".repeat(1024 * 1024)}"}`, /it has more than 1048576 bytes$/],
  ])("%s is an error that names the file", async (_, text, sentence) => {
    writeFileSync(join(folder, "x.json"), text);
    expect(await problem("x.json")).toMatch(sentence);
  });

  test("a mark of UTF-8 in front is none of it, and a key of something inside counts apart", async () => {
    writeFileSync(own, '\ufeff{"port": 4}');
    expect(await load()).toMatchObject({ values: { port: 4 } });
    writeFileSync(own, '{"host":{"port":1},"port":[{"port":2}],"$schema":"x"}');
    expect(Object.keys((await load())?.values ?? {})).toEqual(["host", "port"]);
  });

  test("a folder is none", async () => {
    mkdirSync(own);
    expect(await problem()).toContain("it is a folder");
    expect(await problem(dirname(own))).toContain("it is a folder (EISDIR)");
  });
});
