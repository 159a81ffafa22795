import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { IfExists, ReceiveOptions } from "../../src/net/options.ts";
import { LandingNames } from "../../src/net/receiver/landing-names.ts";
import type { FilespoolError } from "../../src/protocol/errors.ts";
import { type Lie, serveLies } from "../support/hostile-server.ts";
import { archiveOf, ROOT, tarEntry } from "../support/trees.ts";
import { Workspace } from "../support/workspace.ts";

const POLICIES: IfExists[] = ["refuse", "rename", "overwrite", "skip"];
const tame = (name: string): Lie => ({ name, bytes: Buffer.from(`from ${name}`) });
const folderLie = (name: string, ...entries: Buffer[]): Lie => ({
  name,
  kind: "tar",
  bytes: archiveOf(ROOT, ...entries),
});

/** Receives what a server hands out, and says what became of it. */
async function receives(lies: Lie[], options: Partial<ReceiveOptions> = {}, work = new Workspace()) {
  const { port } = await serveLies(lies);
  const receiver = work.receive({ port, retryMs: 0, ...options });
  const { landed, failures } = await receiver.done;
  const paths = receiver.events.all("landed").map(({ path }) => path);
  return { work, landed, paths, codes: failures.map(({ code }) => code), messages: failures.map((f) => f.message) };
}

describe("a dot file at the top of the target folder", () => {
  test.each([".bashrc", ".ssh", "..a", ".x y", "\u200c.bashrc"])(
    "is hidden no more and obeyed by nobody: %s",
    async (name) => {
      const { work, paths } = await receives([tame(name)]);
      expect([work.list(), paths]).toEqual([[`_${name}`], [work.path("out", `_${name}`)]]);
    },
  );

  test("stays as it is where that is allowed, and where somebody has chosen the name", async () => {
    expect((await receives([tame(".bashrc")], { allowDotfiles: true })).work.list()).toEqual([".bashrc"]);
    expect((await receives([tame("x")], { as: ".bashrc" })).work.list()).toEqual([".bashrc"]);
  });

  test("is a name like any other for what is there already", async () => {
    for (const [ifExists, expected, code] of [
      ["refuse", ["_.a"], ["file-exists"]],
      ["rename", ["_ (1).a", "_.a"], []],
      ["skip", ["_.a"], []],
      ["overwrite", ["_.a"], []],
    ] as const) {
      const work = new Workspace();
      mkdirSync(work.path("out"));
      writeFileSync(work.path("out/_.a"), "old");
      const { codes } = await receives([tame(".a")], { ifExists }, work);
      expect([work.list(), codes]).toEqual([expected, code]);
    }
  });

  test("keeps its dot inside of a folder; the folder itself does not", async () => {
    const entry = tarEntry({ path: ".hidden", type: "File" }, "x");
    const { work } = await receives([folderLie(".ssh", entry), folderLie("plain", entry)]);
    expect([work.list(), work.list("out/_.ssh"), work.list("out/plain")]).toEqual([
      ["_.ssh", "plain"],
      [".hidden"],
      [".hidden"],
    ]);
  });

  test("of 255 bytes has no room for the letter in front, and is refused", async () => {
    const { codes, work } = await receives([tame(`.${"x".repeat(254)}`), tame("good")]);
    expect([codes, work.list()]).toEqual([["name-refused"], ["good"]]);
  });
});

describe("a config file of ours", () => {
  test.each([
    "filespool.config.json",
    "FILESPOOL.config.JSON",
    "\ufb01lespool.config.json",
    "files\u200dpool.config.json",
  ])("is never one by the name %s", async (name) => {
    for (const ifExists of POLICIES) {
      const { work } = await receives([tame(name)], { ifExists });
      expect(work.list()).toEqual([`_${name}`]);
    }
    const inner = tarEntry({ path: "a/", type: "Directory", mode: 0o755 });
    const lie = folderLie("f", inner, tarEntry({ path: `a/${name}` }, "x", { path: `a/${name}` }));
    expect((await receives([lie])).work.list("out/f/a")).toEqual([`_${name}`]);
    expect((await receives([folderLie(name, inner)])).work.list()).toEqual([`_${name}`]);
    expect((await receives([tame("x")], { as: name })).work.list()).toEqual([`_${name}`]);
  });
});

describe("nothing lands on what our own programs read or keep", () => {
  /** A home with the places of ours, of which only some are there. */
  function home() {
    const work = new Workspace();
    const config = work.path("home/.config/filespool");
    const state = work.path("home/state/filespool");
    const token = work.path("home/token.txt");
    mkdirSync(work.path("home/state"), { recursive: true });
    writeFileSync(token, "secret");
    return { work, config, state, token, ownPlaces: [config, state, token] };
  }
  const evil = folderLie("filespool", tarEntry({ path: "config.json" }, '{"exec":"x"}'));

  test.each(POLICIES)("by its own name, with %s", async (ifExists) => {
    const { work, token, ownPlaces } = home();
    const lies = [tame("token.txt"), tame("TOKEN.TXT"), tame("other")];
    const { codes, messages } = await receives(lies, { out: work.path("home"), ifExists, ownPlaces }, work);
    expect(codes).toEqual(["name-refused", "name-refused"]);
    expect(messages[0]).toContain(`"token.txt" in ${work.path("home")} would take the place of ${token}`);
    expect([readFileSync(token, "utf8"), work.list("home")]).toEqual(["secret", ["other", "state", "token.txt"]]);
  });

  test.each(POLICIES)("as a folder that is one of them, or holds one, with %s", async (ifExists) => {
    const { work, ownPlaces } = home();
    const inState = await receives([evil], { out: work.path("home/state"), ifExists, ownPlaces }, work);
    const dotConfig = folderLie(".config", tarEntry({ path: "filespool/", type: "Directory", mode: 0o755 }));
    const options = { out: work.path("home"), ifExists, ownPlaces, allowDotfiles: true };
    const inHome = await receives([dotConfig, folderLie("state")], options, work);
    expect([inState.codes, inHome.codes]).toEqual([["name-refused"], ["name-refused", "name-refused"]]);
    expect([work.list("home"), work.list("home/state")]).toEqual([["state", "token.txt"], []]);
  });

  test("a numbered name that is one of them is passed over", async () => {
    const { work } = home();
    const ownPlaces = [work.path("home/a (1).txt")];
    const lies = [tame("a.txt"), { ...tame("a.txt"), transfer: "f".repeat(32) }];
    const { landed } = await receives(lies, { out: work.path("home"), ifExists: "rename", ownPlaces }, work);
    expect([landed, work.list("home")]).toEqual([2, ["a (2).txt", "a.txt", "state", "token.txt"]]);
  });

  test.each(["", "/deeper/still"])("in a folder of theirs%s: the run ends before anything is made", async (below) => {
    const { work, config, ownPlaces } = home();
    for (const place of [`${config}${below}`, `${work.path("home/state/filespool")}${below}`]) {
      const error = await work
        .receive({ port: 1, out: place, ownPlaces })
        .done.catch((thrown: FilespoolError) => thrown as FilespoolError);
      expect(error).toMatchObject({
        code: "folder-unusable",
        message: expect.stringContaining("is kept for the settings"),
      });
      expect(existsSync(place)).toBe(false);
    }
  });

  test("whatever link leads there", () => {
    const { work, config, ownPlaces } = home();
    mkdirSync(config, { recursive: true });
    symlinkSync(work.path("home/.config"), work.path("linked"));
    const names = new LandingNames(work.path("linked"), { ownPlaces });
    expect(() => names.nameOf("filespool")).toThrow(/would take the place of/);
    expect(() => new LandingNames(work.path("linked/filespool"), { ownPlaces })).toThrow(/is kept for/);
    // A link on the way to a place leads elsewhere once something else has its name.
    symlinkSync(work.path("home"), work.path("me"));
    const around = new LandingNames(work.folder, { ownPlaces: [work.path("me/token.txt")] });
    for (const name of ["me", "home"]) expect(() => around.nameOf(name)).toThrow(/would take the place of/);
    expect(around.nameOf("other")).toBe("other");
  });

  test("in a spool, or in anything below one", async () => {
    const work = new Workspace();
    await (await work.serve()).stop();
    for (const out of ["spool", "spool/data", "spool/new/folder"]) {
      const receiver = work.receive({ port: 1, out: work.path(out) });
      await expect(receiver.done).rejects.toMatchObject({
        code: "folder-unusable",
        message: expect.stringContaining(`${realpathSync(work.path("spool"))} is the spool folder of a server`),
      });
    }
    mkdirSync(work.path("marked"));
    writeFileSync(work.path("marked/.filespool-spool"), "");
    expect(() => new LandingNames(work.path("marked"))).toThrow(/is the spool folder of a server/);
    expect(existsSync(work.path("spool/new"))).toBe(false);
    expect(new LandingNames(work.path("elsewhere")).nameOf("lock")).toBe("lock");
  });
});

test("where a file lands is said by an absolute path, also when the folder was given as a relative one", async () => {
  const work = new Workspace();
  const seen: string[] = [];
  const before = process.cwd();
  process.chdir(work.folder);
  try {
    const onLanded = ({ path }: { path: string }) => void seen.push(path);
    const { paths } = await receives([tame("--output=x")], { out: "in", onLanded }, work);
    const expected = [join(realpathSync(work.folder), "in", "--output=x")];
    expect([seen, paths]).toEqual([expected, expected]);
  } finally {
    process.chdir(before);
  }
});
