import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { entriesFor } from "../../src/cli/prompts/file-picker.ts";
import { terminalPrompter } from "../../src/cli/prompts/terminal-prompter.ts";

describe("with files to pick", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "filespool-pick-"));
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "b10.txt"), "0123456789");
    await writeFile(join(folder, "b9.txt"), "");
    await writeFile(join(folder, "\u001b[2J.txt"), "");
    await writeFile(join(folder, ".hidden"), "");
    await writeFile(join(folder, "sub", "deep.bin"), new Uint8Array(2048));
    await symlink("loop", join(folder, "loop"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("files come first with their sizes, then the folders and the way up", () => {
    expect(entriesFor("", folder, 48).map(({ path }) => path)).toEqual([
      "\u001b[2J.txt",
      "b9.txt",
      "b10.txt",
      "../",
      "sub/",
    ]);
    expect(entriesFor("", folder, 48)[2]?.label).toMatch(/^b10\.txt {41} +10 B$/);
    expect(entriesFor("", folder, 48)[0]?.label).toContain("\\u001b[2J.txt");
    expect(entriesFor("b", folder, 12)[0]?.label).toMatch(/^b9\.txt {7} +0 B$/);
  });

  test("what is typed is looked for in the names, and a path is followed", () => {
    expect(entriesFor("B1", folder, 48).map(({ path }) => path)).toEqual(["b10.txt"]);
    expect(entriesFor("sub/", folder, 48).map(({ path }) => path)).toEqual(["sub/deep.bin", "sub/../"]);
    expect(entriesFor(`${folder}/sub/d`, "/", 48).map(({ path }) => path)).toEqual([`${folder}/sub/deep.bin`]);
    expect(entriesFor(".h", folder, 48).map(({ path }) => path)).toEqual([".hidden"]);
    expect(entriesFor("sub/..", folder, 48).map(({ path }) => path)).toEqual(["sub/../"]);
    expect(entriesFor("none/", folder, 48)).toEqual([]);
    expect(entriesFor("b9.txt/", folder, 48)).toEqual([]);
  });

  /** A terminal that types the next keys whenever the screen shows the text they wait for. */
  function keyboard(...script: [shows: string, keys: string][]) {
    const input = new PassThrough();
    let [screen, all] = ["", ""];
    const output = new Writable({
      write(chunk, _encoding, done) {
        screen += String(chunk);
        all += String(chunk);
        if (script[0] && screen.includes(script[0][0])) {
          const [, keys] = script.shift() as [string, string];
          screen = "";
          setImmediate(() => input.write(keys));
        }
        done();
      },
    });
    const abort = new AbortController();
    return { prompter: terminalPrompter({ input, output, folder, signal: abort.signal }), abort, all: () => all };
  }
  const check = (answer: string) => (answer === "bad" ? "not that" : undefined);

  test("Enter alone takes the default, and a wrong answer is explained", async () => {
    expect(await keyboard(["Port?", "\r"]).prompter.text("Port?", "5011", check)).toBe("5011");
    const { prompter } = keyboard(["Port?", "bad\r"], ["not that", "\u007f\u007f\u007f7\r"]);
    expect(await prompter.text("Port?", "5011", check)).toBe("7");
  });

  test("what an invite keeps secret is never on the screen: not while it is typed, not after, not when cancelled", async () => {
    const invite = "filespool://there/q#token=abcdef";
    const typed = keyboard(["Where?", invite], ["q#\u2022", "\r"]);
    expect(await typed.prompter.text("Where?", "localhost", check)).toBe(invite);
    expect(typed.all()).toContain("filespool://there/q#\u2022\u2022\u2022\u2022");
    const left = keyboard(["Where?", invite], ["q#\u2022", "\u0003"]);
    await expect(left.prompter.text("Where?", "localhost", check)).rejects.toThrow("cancelled");
    const word = keyboard(["Token?", "abcdef"], ["\u2022", "\r"]);
    expect(await word.prompter.secret("Token?", () => undefined)).toBe("abcdef");
    for (const { all } of [typed, left, word]) expect(all()).not.toMatch(/abc|=/);
  });

  test("spaces that came along with what was pasted are no part of the answer", async () => {
    expect(await keyboard(["Port?", " 7  \r"]).prompter.text("Port?", "5011", check)).toBe("7");
    expect(await keyboard(["Port?", "  \r"]).prompter.text("Port?", "5011", check)).toBe("5011");
  });

  test("a choice and a confirmation, whose default is no", async () => {
    const choices = [
      { value: "a", label: "A", hint: "first" },
      { value: "b", label: "B", hint: "second" },
    ] as const;
    expect(await keyboard(["Which?", "\u001b[B\r"]).prompter.choose("Which?", choices)).toBe("b");
    expect(await keyboard(["Sure?", "\r"]).prompter.confirm("Sure?")).toBe(false);
  });

  test("a file is picked by typing a part of its name, and a folder opens", async () => {
    expect(await keyboard(["Which file?", "b1"], ["b10.txt", "\r"]).prompter.file("Which file?")).toBe("b10.txt");
    const { prompter } = keyboard(["Which file?", "su"], ["sub/", "\r"], ["In sub/", "d"], ["deep.bin", "\r"]);
    expect(await prompter.file("Which file?")).toBe("sub/deep.bin");
    const back = keyboard(["Which file?", "sub/.."], ["../", "\r"], ["In ./", "b1"], ["b10.txt", "\r"]);
    expect(await back.prompter.file("Which file?")).toBe("b10.txt");
  });

  test("Enter on nothing is explained", async () => {
    const { prompter } = keyboard(
      ["Which file?", "zzz"],
      ["No matches", "\r"],
      ["no such file", "\u0015b1"],
      ["b10.txt", "\r"],
    );
    expect(await prompter.file("Which file?")).toBe("b10.txt");
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
    ["Ctrl-D after something", "17\u0004"],
  ])("%s ends a question as interrupted", async (_, keys) => {
    await expect(keyboard(["Port?", keys]).prompter.text("Port?", "1", check)).rejects.toMatchObject({
      code: "interrupted",
    });
  });

  test("a signal ends a question as interrupted", async () => {
    const { prompter, abort } = keyboard();
    const answer = prompter.text("Port?", "1", check);
    abort.abort();
    await expect(answer).rejects.toMatchObject({ code: "interrupted" });
  });
});
