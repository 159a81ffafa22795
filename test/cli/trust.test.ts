import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { formatInvite, parseInvite } from "../../src/net/extensions/trust/invite.ts";
import { fingerprintOf } from "../../src/net/extensions/trust/tls.ts";
import { Workspace } from "../support/workspace.ts";
import { start } from "./environment.ts";

/** In this process, a relative path would lead into the folder of the project. */
const placed = (folder: string) => ({ FILESPOOL_SPOOL: join(folder, "spool"), FILESPOOL_OUT: join(folder, "out") });

/** Runs a command to its end. */
async function ran(folder: string, words: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = start(folder, words, { env: { ...placed(folder), ...env } });
  return { code: await code, stdout: stdout.text, stderr: stderr.text };
}

/** A server as a user starts it, until the end of the test. */
async function serving(work: Workspace, ...flags: string[]) {
  const { code, stdout, stderr, interrupt } = start(work.folder, ["serve", "--yes", "--port", "0", ...flags], {
    env: placed(work.folder),
  });
  onTestFinished(async () => {
    interrupt.abort();
    await code;
  });
  await Promise.race([stdout.shows("Waiting for sender"), code]);
  return { port: Number(/:(\d+)\n/.exec(stdout.text)?.[1]), stdout, stderr };
}

describe("an invite", () => {
  test("is all that somebody else needs, from the first command to the file", async () => {
    const work = new Workspace();
    const { port } = await serving(work, "--tls", "--tokens");
    const made = await ran(work.folder, ["invite", "--queue", "photos", "--port", String(port), "--for", "alice"]);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^filespool:\/\/\S+\n$/) });
    expect(made.stderr).toContain("--host names the address for others");
    const invite = made.stdout.trim();
    const env = { FILESPOOL_INVITE: invite };
    expect(await ran(work.folder, ["send", work.write("a.txt", "hello")], env)).toMatchObject({ code: 0 });
    expect(await ran(work.folder, ["receive", "--out", work.path("out")], env)).toMatchObject({ code: 0 });
    expect(work.read("out", "a.txt").toString()).toBe("hello");
    // As a word, and from a file.
    expect((await ran(work.folder, ["send", invite, work.write("b.txt", "b")])).code).toBe(0);
    writeFileSync(work.path("invite"), `${invite}\n`);
    expect(
      (await ran(work.folder, ["receive", "--invite-file", work.path("invite"), "--out", work.path("out")])).stdout,
    ).toContain("b.txt");
  });

  test("opens nothing once its token was revoked", async () => {
    const work = new Workspace();
    const { port } = await serving(work, "--tls", "--tokens");
    const invite = (await ran(work.folder, ["invite", "--port", String(port)])).stdout.trim();
    const id = parseInvite(invite).token?.split("_")[1] as string;
    expect((await ran(work.folder, ["token", "revoke", id])).stdout).toContain(id);
    const late = await ran(work.folder, ["send", work.write("a", "a")], { FILESPOOL_INVITE: invite });
    expect(late).toMatchObject({ code: 4, stderr: expect.stringContaining("revoked") });
  });

  test("beats what variables and the config file say, so that its token goes nowhere else; a flag leaves it at home", async () => {
    const work = new Workspace();
    const { port } = await serving(work, "--tls", "--tokens");
    const invite = (await ran(work.folder, ["invite", "--port", String(port)])).stdout.trim();
    const env = { FILESPOOL_INVITE: invite, FILESPOOL_PORT: "1", FILESPOOL_QUEUE: "other" };
    expect((await ran(work.folder, ["send", work.write("a", "a")], env)).code).toBe(0);
    const plain = await work.serve({ spool: { folder: work.path("plain") } });
    const moved = await ran(work.folder, ["send", "--port", String(plain.port), work.write("b", "b")], env);
    expect(moved.code).toBe(0);
    expect(plain.events.events.filter(({ event }) => event === "stored")).toHaveLength(1);
  });

  test("and a flag that leads elsewhere do not leave out its encryption, unless that is said", async () => {
    const work = new Workspace();
    const { port } = await serving(work, "--tls", "--tokens");
    const invite = (await ran(work.folder, ["invite", "--port", String(port)])).stdout.trim();
    const send = (...words: string[]) =>
      ran(work.folder, ["send", ...words, work.write("a", "a")], { FILESPOOL_INVITE: invite });
    const refused = await send("--host", "192.0.2.2", "--port", "5050");
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("but an option names 192.0.2.2:5050") });
    // From here on it is tried, and fails for want of anybody there.
    for (const way of [["--insecure"], ["--fingerprint", "0".repeat(64)]])
      expect((await send("--host", "192.0.2.2", "--connect-timeout", "100ms", ...way)).code).toBe(3);
  });

  test.each([
    ["filespool://", "names no host"],
    ["filespool://a/q#cert=12", "cut off"],
  ])("that was cut off is a mistake of its own: %s", async (invite, why) => {
    const work = new Workspace();
    expect(await ran(work.folder, ["send", invite, "x"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(why),
    });
  });
});

describe("a secret", () => {
  test("is no flag, and is not repeated when it is refused", async () => {
    const work = new Workspace();
    expect(await ran(work.folder, ["send", "--token", "x", "file"])).toMatchObject({ code: 2 });
    const spaced = await ran(work.folder, ["send", "file"], { FILESPOOL_TOKEN: "sec ret" });
    expect(spaced).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("FILESPOOL_TOKEN does not accept what it holds"),
    });
    expect(spaced.stderr).not.toContain("sec ret");
  });

  test("comes from a variable, or from a file that holds nothing else", async () => {
    const work = new Workspace();
    const { port } = await serving(work, "--tokens");
    const token = (await ran(work.folder, ["token", "create", "--queue", "default"])).stdout.trim();
    const send = ["send", "--port", String(port), work.write("a", "a")];
    expect((await ran(work.folder, send)).code).toBe(4);
    expect((await ran(work.folder, send, { FILESPOOL_TOKEN: token })).code).toBe(0);
    writeFileSync(work.path("token"), `${token}\n`);
    expect((await ran(work.folder, [...send, "--again", "--token-file", work.path("token")])).code).toBe(0);
    for (const [text, code] of [
      ["", 2],
      ["two words", 2],
    ] as const) {
      writeFileSync(work.path("token"), text);
      expect((await ran(work.folder, [...send, "--token-file", work.path("token")])).code).toBe(code);
    }
    expect((await ran(work.folder, [...send, "--token-file", "missing"])).code).toBe(7);
  });
});

describe("filespool token", () => {
  test("makes, lists, rotates and revokes", async () => {
    const work = new Workspace();
    const made = await ran(work.folder, [
      "token",
      "create",
      "--queue",
      "team-*, photos",
      "--rights",
      "send",
      "--for",
      "bob",
      "--expires",
      "1d",
    ]);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^fst_[0-9a-f]{8}_[\w-]{43}\n$/) });
    const id = made.stdout.split("_")[1] as string;
    const listed = await ran(work.folder, ["token", "list"]);
    expect(listed.stdout).toMatch(new RegExp(`${id}  send in team-\\*, photos, for bob, expires \\d{4}-`));
    expect(listed.stdout + readFileSync(work.path("spool", "tokens.json"), "utf8")).not.toContain(
      made.stdout.trim().slice(13),
    );
    const asJson = await ran(work.folder, ["token", "list", "--json"]);
    expect(JSON.parse(asJson.stdout.split("\n")[0] as string)).toMatchObject({
      event: "token",
      id,
      rights: ["send"],
      name: "bob",
    });
    const rotated = await ran(work.folder, ["token", "rotate", id, "--grace", "1h"]);
    expect(rotated.stdout).toMatch(new RegExp(`^fst_${id}_`));
    expect(rotated.stderr).toContain("stays valid for 1h");
    expect((await ran(work.folder, ["token", "revoke", rotated.stdout.trim()])).code).toBe(0);
    expect((await ran(work.folder, ["token", "list"])).stdout).toContain("0 tokens");
  });

  test.each([
    [["create"], "needs --queue"],
    [["create", "--queue", "../x"], "does not accept"],
    [["create", "--queue", "a", "--rights", "send,read"], "send, collect or manage"],
    [["rotate"], "needs the id"],
    [["revoke", "00000000"], "no token 00000000"],
    [["destroy"], "create"],
  ])("says what is wrong: %j", async (words, why) => {
    const work = new Workspace();
    expect(await ran(work.folder, ["token", ...words])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(why),
    });
  });

  test("cannot keep a token where there is a file in the place of the folder", async () => {
    const work = new Workspace();
    writeFileSync(work.path("spool"), "");
    const made = await ran(work.folder, ["token", "create", "--queue", "a"]);
    expect(made).toMatchObject({ code: 7, stdout: "", stderr: expect.stringContaining("spool") });
  });
});

describe("serve", () => {
  test("asks for tokens once there is one, said or not", async () => {
    const work = new Workspace();
    await ran(work.folder, ["token", "create", "--queue", "*"]);
    const { port } = await serving(work);
    const sent = await ran(work.folder, ["send", "--port", String(port), work.write("a", "a")]);
    expect(sent).toMatchObject({ code: 4, stderr: expect.stringContaining("FILESPOOL_TOKEN") });
  });

  test("may be reached by other machines when it encrypts and asks for tokens", async () => {
    const work = new Workspace();
    const { port, stdout } = await serving(work, "--host", "0.0.0.0", "--tls", "--tokens");
    expect(port).toBeGreaterThan(0);
    const fingerprint = fingerprintOf(work.read("spool", "tls", "cert.pem").toString());
    expect(stdout.text).toContain(fingerprint);
    for (const flags of [[], ["--tls"], ["--tokens"]]) {
      const refused = await ran(work.path("in"), ["serve", "--yes", "--host", "0.0.0.0", ...flags]);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("--insecure") });
    }
  });

  test("takes a certificate from files, of which it needs both", async () => {
    const work = new Workspace();
    await ran(work.folder, ["invite"]);
    mkdirSync(work.path("in"), { recursive: true });
    const pem = (name: string) => work.path("spool", "tls", name);
    const half = await ran(work.folder, ["serve", "--yes", "--tls-cert", pem("cert.pem")]);
    expect(half).toMatchObject({ code: 2, stderr: expect.stringContaining("--tls-key") });
    const missing = await ran(work.folder, [
      "serve",
      "--yes",
      "--tls-cert",
      "nowhere.pem",
      "--tls-key",
      pem("key.pem"),
    ]);
    expect(missing).toMatchObject({ code: 7, stderr: expect.stringContaining("nowhere.pem") });
  });
});

describe("a client that is told whom to trust", () => {
  test("takes fingerprints as others write them, and an authority from a file", async () => {
    const work = new Workspace();
    const { port } = await serving(work, "--tls");
    const cert = work.path("spool", "tls", "cert.pem");
    const digits = fingerprintOf(readFileSync(cert, "utf8"));
    const colons = digits.toUpperCase().replace(/(..)(?=.)/g, "$1:");
    const send = (name: string, ...flags: string[]) =>
      ran(work.folder, ["send", "--port", String(port), ...flags, work.write(name, name)]);
    expect((await send("a", "--fingerprint", digits)).code).toBe(0);
    expect((await send("b", "--fingerprint", `SHA256:${colons}`)).code).toBe(0);
    expect((await send("c", "--tls-ca", cert)).code).toBe(0);
    expect(await send("d", "--tls")).toMatchObject({ code: 4, stderr: expect.stringContaining("fingerprint") });
    expect(await send("e", "--fingerprint", "00".repeat(32))).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(digits),
    });
    expect((await send("f", "--fingerprint", "12")).code).toBe(2);
    const wrong = await ran(work.folder, ["send", "x"], {
      FILESPOOL_INVITE: formatInvite({ host: "localhost", port, queue: "q", tls: {} }),
    });
    expect(wrong.code).toBe(4);
  });
});
