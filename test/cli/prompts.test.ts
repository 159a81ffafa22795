import { describe, expect, test } from "vitest";
import { cancelled, UsageError } from "../../src/cli/exit-codes.ts";
import type { Prompter } from "../../src/cli/prompter.ts";
import {
  allowHost,
  askCommand,
  askRole,
  askSettings,
  mayAsk,
  sameWithoutQuestions,
} from "../../src/cli/prompts/prompts.ts";
import { resolve } from "../../src/cli/settings/resolve.ts";
import { isLoopback } from "../../src/net/server/access.ts";

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
  const prompter: Prompter = {
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
    async secret(message, check) {
      for (;;) {
        asked.push(message);
        const answer = next() as string;
        const problem = check(answer);
        if (problem === undefined) return answer;
        asked.push(problem);
      }
    },
  };
  return { prompter, asked };
}

describe("which questions are asked", () => {
  test("serve asks for port, host and buffer size, as the original did, each with its default", async () => {
    const { prompter, asked } = scripted("", "", "");
    const settings = await askSettings("serve", settingsOf("serve"), prompter);
    expect(asked).toEqual(["Port to listen on? [5011]", "Host to listen on? [localhost]", "Buffer size? [1MiB]"]);
    expect(settings.values).toMatchObject({ port: 5011, host: "localhost", "buffer-size": 1_048_576 });
  });

  test("receive asks for the folder as well", async () => {
    const { prompter, asked } = scripted("there", "6000", "in");
    const settings = await askSettings("receive", settingsOf("receive"), prompter);
    expect(asked).toEqual([
      "Host of the server, or an invite? [localhost]",
      "Port of the server? [5011]",
      "Folder to put the files in? [.]",
    ]);
    expect(settings.values).toMatchObject({ port: 6000, host: "there", out: "in" });
  });

  test("the guided mode asks for queue and buffer size as well, of a client", async () => {
    const { prompter, asked } = scripted("", "", "photos", "4KiB");
    const { values } = await askSettings("send", settingsOf("send"), prompter, true);
    expect(asked.slice(2)).toEqual(["Queue? [default]", "Buffer size? [1MiB]"]);
    expect(values).toMatchObject({ queue: "photos", "buffer-size": 4096 });
  });

  test("an invite answers all that is asked about the server", async () => {
    const { prompter, asked } = scripted(`filespool://there:7/photos#token=t&cert=${"ab".repeat(32)}`, "in");
    const settings = await askSettings("receive", settingsOf("receive"), prompter, true);
    expect(asked.slice(1)).toEqual(["Folder to put the files in? [.]"]);
    const fingerprint = ["ab".repeat(32)];
    expect(settings.values).toMatchObject({
      host: "there",
      port: 7,
      queue: "photos",
      token: "t",
      tls: true,
      fingerprint,
    });
    expect(sameWithoutQuestions("receive", settings, [])).toBe("filespool receive --yes --out in --invite-file FILE");
  });

  test.each([
    ["there:6000", { host: "there", port: 6000 }],
    ["[::1]:6000", { host: "::1", port: 6000 }],
    ["[::1]", { host: "::1", port: 1 }],
    ["::1", { host: "::1", port: 1 }],
  ])("a host may bring its port: %s", async (answer, place) => {
    const { values } = await askSettings("send", settingsOf("send"), scripted(answer, "1").prompter);
    expect(values).toMatchObject(place);
  });

  test.each([
    ["a b", "Please give a host name or an IP address, or an invite."],
    ["there:", "The port must be a whole number from 1 to 65535."],
    ["there:6x", "The port must be a whole number from 1 to 65535."],
    ["filespool://there/q#tok", "this is not a valid invite: the end of it is cut off"],
    ["filespool://a b", "Please give an invite."],
  ])("a wrong place is explained and asked again: %s", async (answer, problem) => {
    const { prompter, asked } = scripted(answer, "there", "");
    await askSettings("send", settingsOf("send"), prompter);
    expect(asked[1]).toBe(problem);
  });

  test("what was said already is not asked", async () => {
    const { prompter, asked } = scripted("");
    await askSettings("serve", settingsOf("serve", { port: "5011", "buffer-size": "1KiB" }), prompter);
    expect(asked).toEqual(["Host to listen on? [localhost]"]);
  });

  test("a wrong answer is explained and asked again", async () => {
    const { prompter, asked } = scripted("", "0", "x", "17");
    expect((await askSettings("send", settingsOf("send"), prompter)).values.port).toBe(17);
    expect(asked[2]).toBe("Please give a whole number from 1 to 65535.");
  });

  test("a question that is not answered ends it all", async () => {
    await expect(askSettings("serve", settingsOf("serve"), scripted().prompter)).rejects.toMatchObject({
      code: "interrupted",
    });
  });

  test("which program, and which role", async () => {
    expect(await askCommand(scripted("serve").prompter)).toBe("serve");
    expect(await askRole(scripted("receive").prompter)).toBe("receive");
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

  test("is refused unless somebody accepts the risk", async () => {
    const open = settingsOf("serve", { host: "0.0.0.0" });
    await expect(allowHost(open, null)).rejects.toThrow(UsageError);
    await expect(allowHost(open, null)).rejects.toThrow("--host is 0.0.0.0, which other machines may reach");
    const withTls = settingsOf("serve", { host: "0.0.0.0", tls: true });
    await expect(allowHost(withTls, null)).rejects.toThrow("has no tokens");
    const isSafe = settingsOf("serve", { host: "0.0.0.0", tls: true, tokens: true });
    expect(await allowHost(isSafe, null)).toBe(isSafe);
    await expect(allowHost(open, scripted(false).prompter)).rejects.toThrow("add --insecure to accept that");
    expect((await allowHost(open, scripted(true).prompter)).values.insecure).toBe(true);
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
    scripted("", "7").prompter,
  );
  expect(sameWithoutQuestions("send", settings, ["it's.txt"])).toBe(
    "filespool send --yes --port 7 --queue 'my queue' --again 'it'\\''s.txt'",
  );
});
