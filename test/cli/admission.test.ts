/** A person at a terminal, and a server that encrypts or asks for a token: what is asked, and what is never shown. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fingerprintOf } from "../../src/net/extensions/trust/tls.ts";
import { Workspace } from "../support/workspace.ts";
import { start } from "./environment.ts";

/** Starts a server, with a token for its queue "default". */
async function closed(...flags: string[]) {
  const work = new Workspace();
  const [spool, out] = [work.path("spool"), work.path("out")];
  const env = { FILESPOOL_SPOOL: spool };
  const made = start(work.folder, ["token", "create", "--queue", "default"], { env });
  expect(await made.code).toBe(0);
  const server = start(work.folder, ["serve", "--yes", "--port", "0", ...flags], { env });
  onTestFinished(async () => {
    server.interrupt.abort();
    await server.code;
  });
  await Promise.race([server.stdout.shows("Waiting for sender"), server.code]);
  const port = /:(\d+)\n/.exec(server.stdout.text)?.[1] as string;
  const token = made.stdout.text.trim();
  const cert = join(spool, "tls", "cert.pem");
  const fingerprint = existsSync(cert) ? fingerprintOf(readFileSync(cert, "utf8")) : "";
  const invite = `filespool://localhost:${port}/default#token=${token}&cert=${fingerprint}`;
  return { work, out, port, token, fingerprint, invite, file: work.write("hello.txt", "hello") };
}

/** Types keys, each when the screen shows the text before it. Whatever was typed, no secret is on the screen after it. */
async function play(folder: string, words: string[], script: [shows: string, keys: string][], env = {}) {
  const program = start(folder, words, { isTTY: true, env });
  // A script that waits for what never comes ends with the program.
  const rest = (async () => {
    for (const [shows, keys] of script) {
      await program.stdout.shows(shows);
      program.stdin.write(keys);
    }
  })();
  await Promise.race([rest, program.code]);
  const code = await program.code;
  expect(program.stdout.text + program.stderr.text).not.toMatch(/fst_|token=/);
  return { code, out: program.stdout.text, err: program.stderr.text };
}

test("an invite is all that sender and receiver have to give", async () => {
  const { work, out, invite, file } = await closed("--tls");
  const sender = await play(
    work.folder,
    ["client"],
    [
      ["Host of", `${invite}\r`],
      ["Sender or", "\r"],
      ["Which file?", file],
      ["hello.txt", "\r"],
    ],
  );
  expect(sender).toMatchObject({ code: 0, err: "" });
  expect(sender.out).toContain(`Without questions: filespool send --yes --invite-file FILE ${file}\n`);
  // Of questions: files of any name lie around where a path is typed.
  expect(sender.out).not.toMatch(/[◆◇] +(Port|Queue|Buffer)/);
  const receiver = await play(
    work.folder,
    ["client"],
    [
      ["Host of", `${invite}\r`],
      ["Sender or", "\u001b[B\r"],
      ["Folder to", `${out}\r`],
    ],
  );
  expect(receiver).toMatchObject({ code: 0, err: "" });
  expect(readFileSync(join(out, "hello.txt"), "utf8")).toBe("hello");
});

test("without one, certificate and token are asked for when the server wants them, until they are right", async () => {
  const { work, port, token, fingerprint, file } = await closed("--tls");
  const sender = await play(
    work.folder,
    ["send", "--port", port, file],
    [
      ["Host of", "\r"],
      ["fingerprint of its certificate?", "ab\r"],
      ["Please give an invite", "\u0015"],
      ["certificate?", `${"ab".repeat(32)}\r`],
      [`--fingerprint ${"ab".repeat(32)}`, `${fingerprint.toUpperCase()}\r`],
      [`--fingerprint ${fingerprint}`, "wrong\r"],
      ["--token-file", `${token}\r`],
    ],
  );
  expect(sender.code).toBe(0);
  expect(sender.err).toMatch(/encrypts; trying again with TLS\n.*no authority.*\n.* has the certificate /s);
  expect(sender.err).toMatch(/asks for a token\n.*the token is unknown/s);
  const again = `filespool send --yes --port ${port} --tls --fingerprint ${fingerprint} --token-file FILE ${file}`;
  expect(sender.out).toContain(`Without questions: ${again}\n`);
});

test("what was said elsewhere and is refused is an error, as it is without a terminal", async () => {
  const { work, port, file, fingerprint } = await closed("--tls");
  const words = ["send", "--host", "localhost", "--port", port, file];
  const wrong = await play(work.folder, [...words, "--fingerprint", "ab".repeat(32)], []);
  expect(wrong).toMatchObject({ code: 4, err: expect.stringContaining("somebody is in between") });
  const env = { FILESPOOL_TOKEN: "wrong" };
  const refused = await play(work.folder, [...words, "--fingerprint", fingerprint], [], env);
  expect(refused).toMatchObject({ code: 4, err: expect.stringContaining("FILESPOOL_TOKEN") });
});

test("a token is sent unencrypted to another machine only by who says so; Ctrl-C at a question ends with 130", async () => {
  const { work, port, token, file } = await closed("--insecure", "--host", "0.0.0.0");
  // An address of this machine that does not look like one.
  const words = ["send", "--host", "0.0.0.0", "--port", port, file];
  const no = await play(work.folder, words, [["The token would", "n"]]);
  expect(no).toMatchObject({ code: 4, err: expect.stringContaining("asks for a token") });
  const stopped = await play(work.folder, words, [
    ["The token would", "y"],
    ["Token or invite?", "\u0003"],
  ]);
  expect(stopped).toMatchObject({ code: 130, err: expect.stringMatching(/\ninterrupted: cancelled\n/) });
  const yes = await play(work.folder, words, [
    ["The token would", "y"],
    ["Token or invite?", `${token}\r`],
  ]);
  expect(yes.code).toBe(0);
  expect(yes.out).toContain("--insecure");
});
