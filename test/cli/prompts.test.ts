import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resolve } from "../../src/cli/config.ts";
import { cancelled, UsageError } from "../../src/cli/exit.ts";
import { entriesFor } from "../../src/cli/picker.ts";
import {
  type Asker,
  allowHost,
  askCommand,
  askRole,
  askSettings,
  mayAsk,
  sameWithoutQuestions,
} from "../../src/cli/prompts.ts";
import { terminalAsker } from "../../src/cli/terminal.ts";
import { isLoopback } from "../../src/net/access.ts";

const settingsOf = (command: "serve" | "send" | "receive", flags: Record<string, string | true> = {}) =>
  resolve(command, { flags, env: {}, file: null });

/** Answers in order, "" for Enter alone; keeps what was asked. Repeats a question until the answer is accepted. */
function scripted(...answers: (string | boolean)[]) {
  const asked: string[] = [];
  const next = () => {
    const answer = answers.shift();
    if (answer === undefined) throw cancelled();
    return answer;
  };
  const asker: Asker = {
    async text(message, fallback, check) {
      for (;;) {
        asked.push(`${message} [${fallback}]`);
        const answer = (next() as string) || fallback;
        const problem = check(answer);
        if (problem === undefined) return answer;
        asked.push(problem);
      }
    },
    async choose(message, choices) {
      asked.push(message);
      const answer = next();
      return choices.find(({ value }) => value === answer)?.value as never;
    },
    async confirm(message) {
      asked.push(message);
      return next() as boolean;
    },
    async file(message) {
      asked.push(message);
      return next() as string;
    },
    async secret(message) {
      asked.push(message);
      return next() as string;
    },
  };
  return { asker, asked };
}

describe("which questions are asked", () => {
  test("serve asks for port, host and buffer size, as the original did, each with its default", async () => {
    const { asker, asked } = scripted("", "", "");
    const settings = await askSettings("serve", settingsOf("serve"), asker);
    expect(asked).toEqual(["Port to listen on? [5011]", "Host to listen on? [localhost]", "Buffer size? [256KiB]"]);
    expect(settings.values).toMatchObject({ port: 5011, host: "localhost", "buffer-size": 262_144 });
  });

  test("receive asks for the folder as well", async () => {
    const { asker, asked } = scripted("there", "6000", "in");
    const settings = await askSettings("receive", settingsOf("receive"), asker);
    expect(asked).toEqual([
      "Host of the server? [localhost]",
      "Port of the server? [5011]",
      "Folder to put the files in? [.]",
    ]);
    expect(settings.values).toMatchObject({ port: 6000, host: "there", out: "in" });
  });

  test("what was said already is not asked", async () => {
    const { asker, asked } = scripted("");
    await askSettings("serve", settingsOf("serve", { port: "5011", "buffer-size": "1KiB" }), asker);
    expect(asked).toEqual(["Host to listen on? [localhost]"]);
  });

  test("a wrong answer is explained and asked again", async () => {
    const { asker, asked } = scripted("", "0", "x", "17");
    expect((await askSettings("send", settingsOf("send"), asker)).values.port).toBe(17);
    expect(asked[2]).toBe("Please give a whole number from 1 to 65535.");
  });

  test("a question that is not answered ends it all", async () => {
    await expect(askSettings("serve", settingsOf("serve"), scripted().asker)).rejects.toMatchObject({
      code: "interrupted",
    });
  });

  test("which program, and which role", async () => {
    expect(await askCommand(scripted("serve").asker)).toBe("serve");
    expect(await askRole(scripted("receive").asker)).toBe("receive");
  });
});

describe("whether anything is asked", () => {
  const terminal = { stdin: { isTTY: true }, stdout: { isTTY: true } };
  test("only if both ends are terminals", () => {
    const { values } = settingsOf("serve");
    expect(mayAsk(terminal, values)).toBe(true);
    expect(mayAsk({ ...terminal, stdin: {} }, values)).toBe(false);
    expect(mayAsk({ ...terminal, stdout: {} }, values)).toBe(false);
  });

  test.each(["yes", "no-input", "json", "quiet"])("--%s forbids it", (name) => {
    expect(mayAsk(terminal, settingsOf("serve", { [name]: true }).values)).toBe(false);
  });
});

describe("an address that others can reach", () => {
  test.each([
    ["localhost", true],
    ["127.0.0.1", true],
    ["127.8.9.10", true],
    ["::1", true],
    ["0.0.0.0", false],
    ["::", false],
    ["127.0.0.1.example.org", false],
    ["192.168.0.1", false],
  ])("%s is this machine alone: %s", (host, is) => expect(isLoopback(host)).toBe(is));

  test("is refused unless somebody said so in as many words", async () => {
    const open = settingsOf("serve", { host: "0.0.0.0" });
    await expect(allowHost(open, null)).rejects.toThrow(UsageError);
    await expect(allowHost(open, null)).rejects.toThrow("--host says 0.0.0.0, which other machines may reach");
    const withTls = settingsOf("serve", { host: "0.0.0.0", tls: true });
    await expect(allowHost(withTls, null)).rejects.toThrow("has no tokens");
    const isSafe = settingsOf("serve", { host: "0.0.0.0", tls: true, tokens: true });
    expect(await allowHost(isSafe, null)).toBe(isSafe);
    await expect(allowHost(open, scripted(false).asker)).rejects.toThrow("or --insecure if you mean it");
    expect((await allowHost(open, scripted(true).asker)).values.insecure).toBe(true);
    const meant = settingsOf("serve", { host: "0.0.0.0", insecure: true });
    expect(await allowHost(meant, null)).toBe(meant);
    const local = settingsOf("serve");
    expect(await allowHost(local, null)).toBe(local);
  });
});

test("the same command without questions can be pasted into a shell", async () => {
  const settings = await askSettings(
    "send",
    settingsOf("send", { again: true, queue: "my queue" }),
    scripted("", "7").asker,
  );
  expect(sameWithoutQuestions("send", settings, ["it's.txt"])).toBe(
    "filespool send --yes --port 7 --queue 'my queue' --again 'it'\\''s.txt'",
  );
});

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
    expect(entriesFor("", folder).map(({ path }) => path)).toEqual([
      "\u001b[2J.txt",
      "b9.txt",
      "b10.txt",
      "../",
      "sub/",
    ]);
    expect(entriesFor("", folder)[2]?.label).toMatch(/^b10\.txt {41} +10 B$/);
    expect(entriesFor("", folder)[0]?.label).toContain("\\u001b[2J.txt");
  });

  test("what is typed is looked for in the names, and a path is followed", () => {
    expect(entriesFor("B1", folder).map(({ path }) => path)).toEqual(["b10.txt"]);
    expect(entriesFor("sub/", folder).map(({ path }) => path)).toEqual(["sub/deep.bin", "sub/../"]);
    expect(entriesFor(`${folder}/sub/d`, "/").map(({ path }) => path)).toEqual([`${folder}/sub/deep.bin`]);
    expect(entriesFor(".h", folder).map(({ path }) => path)).toEqual([".hidden"]);
    expect(entriesFor("sub/..", folder).map(({ path }) => path)).toEqual(["sub/../"]);
    expect(entriesFor("none/", folder)).toEqual([]);
    expect(entriesFor("b9.txt/", folder)).toEqual([]);
  });

  /** A terminal that types the next keys whenever the screen shows the text they wait for. */
  function keyboard(...script: [shows: string, keys: string][]) {
    const input = new PassThrough();
    let screen = "";
    const output = new Writable({
      write(chunk, _encoding, done) {
        screen += String(chunk);
        if (script[0] && screen.includes(script[0][0])) {
          const [, keys] = script.shift() as [string, string];
          screen = "";
          setImmediate(() => input.write(keys));
        }
        done();
      },
    });
    const abort = new AbortController();
    return { asker: terminalAsker({ input, output, folder, signal: abort.signal }), abort };
  }
  const check = (answer: string) => (answer === "bad" ? "not that" : undefined);

  test("Enter alone takes the default, and a wrong answer is explained", async () => {
    expect(await keyboard(["Port?", "\r"]).asker.text("Port?", "5011", check)).toBe("5011");
    const { asker } = keyboard(["Port?", "bad\r"], ["not that", "\u007f\u007f\u007f7\r"]);
    expect(await asker.text("Port?", "5011", check)).toBe("7");
  });

  test("a choice and a confirmation, whose default is no", async () => {
    const choices = [
      { value: "a", label: "A", hint: "first" },
      { value: "b", label: "B", hint: "second" },
    ] as const;
    expect(await keyboard(["Which?", "\u001b[B\r"]).asker.choose("Which?", choices)).toBe("b");
    expect(await keyboard(["Sure?", "\r"]).asker.confirm("Sure?")).toBe(false);
  });

  test("a file is picked by typing a part of its name, and a folder opens", async () => {
    expect(await keyboard(["Which file?", "b1"], ["b10.txt", "\r"]).asker.file("Which file?")).toBe("b10.txt");
    const { asker } = keyboard(["Which file?", "su"], ["sub/", "\r"], ["In sub/", "d"], ["deep.bin", "\r"]);
    expect(await asker.file("Which file?")).toBe("sub/deep.bin");
    const back = keyboard(["Which file?", "sub/.."], ["../", "\r"], ["In ./", "b1"], ["b10.txt", "\r"]);
    expect(await back.asker.file("Which file?")).toBe("b10.txt");
  });

  test("Enter on nothing is explained", async () => {
    const { asker } = keyboard(
      ["Which file?", "zzz"],
      ["No matches", "\r"],
      ["no such file", "\u0015b1"],
      ["b10.txt", "\r"],
    );
    expect(await asker.file("Which file?")).toBe("b10.txt");
  });

  test("Ctrl-C and a signal end a question as interrupted", async () => {
    await expect(keyboard(["Port?", "\u0003"]).asker.text("Port?", "1", check)).rejects.toMatchObject({
      code: "interrupted",
    });
    const { asker, abort } = keyboard();
    const answer = asker.text("Port?", "1", check);
    abort.abort();
    await expect(answer).rejects.toMatchObject({ code: "interrupted" });
  });
});
