import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatInvite } from "../../src/net/extensions/trust/invite.ts";
import { fingerprintOf, ownIdentity } from "../../src/net/extensions/trust/tls.ts";
import type { Access, Gate } from "../../src/net/server/access.ts";
import { Workspace } from "../support/workspace.ts";
import { start } from "./environment.ts";

/** A server that lets everybody in and remembers what it was told. */
async function listening(work: Workspace, isEncrypted = false) {
  const tokens: (string | undefined)[] = [];
  const gate: Gate = {
    admit(token): Access {
      tokens.push(token);
      return { id: null, allows: () => true, isOver: false };
    },
  };
  const tls = isEncrypted ? await ownIdentity(work.path("tls"), "localhost") : undefined;
  const { port } = await work.serve({ gate, ...(tls && { tls }) });
  return { port, tokens, tls };
}

async function ran(work: Workspace, words: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = start(work.folder, words, {
    env: { FILESPOOL_SPOOL: join(work.folder, "spool"), ...env },
  });
  return { code: await code, stdout: stdout.text, stderr: stderr.text };
}

describe("a token", () => {
  test("that is lying about is not told to the server of an invite, which has its own or none", async () => {
    const work = new Workspace();
    const { port, tokens } = await listening(work);
    writeFileSync(work.path("old"), "old-token", { mode: 0o600 });
    for (const FILESPOOL_INVITE of [
      formatInvite({ host: "localhost", port, queue: "q" }),
      formatInvite({ host: "localhost", port, queue: "q", token: "new-token" }),
    ])
      for (const old of [{ FILESPOOL_TOKEN: "old-token" }, { FILESPOOL_TOKEN_FILE: work.path("old") }])
        await ran(work, ["send", "--again", work.write("a", "a")], { FILESPOOL_INVITE, ...old } as never);
    expect(tokens).toEqual([undefined, undefined, "new-token", "new-token"]);
  });

  test("crosses no network in the clear, unless somebody means it", async () => {
    const work = new Workspace();
    const env = { FILESPOOL_TOKEN: "secret-token" };
    // Documentation addresses (RFC 5737): nobody answers there.
    const send = ["send", "--host", "192.0.2.1", work.write("a", "a")];
    const refused = await ran(work, send, env);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("--tls") });
    expect(refused.stderr).not.toContain("secret-token");
    const { port, tokens } = await listening(work);
    expect((await ran(work, ["send", "--port", String(port), work.write("a", "a")], env)).code).toBe(0);
    expect(tokens).toEqual(["secret-token"]);
  });

  test("that no server could be told is a mistake of its own", async () => {
    const work = new Workspace();
    const long = await ran(work, ["send", work.write("a", "a")], { FILESPOOL_TOKEN: "x".repeat(201) });
    expect(long).toMatchObject({ code: 2, stderr: expect.stringContaining("at most 200 characters") });
  });
});

test("an invite among the words is used, and its price is told", async () => {
  const work = new Workspace();
  const { port } = await listening(work);
  const invite = formatInvite({ host: "localhost", port, queue: "q", token: "secret-token" });
  const sent = await ran(work, ["send", invite, work.write("a", "a")]);
  expect(sent).toMatchObject({ code: 0, stderr: expect.stringContaining("--invite-file") });
  expect(sent.stdout + sent.stderr).not.toContain("secret-token");
});

test.skipIf(process.platform === "win32")(
  "a secret in a file that everybody can read is used, and that is told",
  async () => {
    const work = new Workspace();
    const { port } = await listening(work);
    const config = join(work.folder, "secrets.json");
    writeFileSync(config, JSON.stringify({ token: "secret-token" }));
    writeFileSync(work.path("token"), "secret-token");
    const send = ["send", "--again", "--port", String(port), work.write("a", "a")];
    for (const [flag, file] of [
      ["--token-file", work.path("token")],
      ["--config", config],
    ] as const) {
      chmodSync(file, 0o644);
      const open = await ran(work, [...send, flag, file]);
      expect(open).toMatchObject({ code: 0, stderr: expect.stringContaining(`chmod go= ${file}`) });
      // Who may write there, and not read, says with which token this user goes where.
      chmodSync(file, 0o620);
      expect((await ran(work, [...send, flag, file])).stderr).toContain("warning: others can write the secret in");
      chmodSync(file, 0o600);
      expect((await ran(work, [...send, flag, file])).stderr).not.toContain("chmod");
    }
  },
);

test("who does not encrypt hears that the server may", async () => {
  const work = new Workspace();
  const { port } = await listening(work, true);
  const sent = await ran(work, ["send", "--port", String(port), work.write("a", "a")]);
  expect(sent).toMatchObject({ code: 4, stderr: expect.stringContaining("encrypts, but this end does not") });
});

test("the list of tokens shows the certificate of the server once there is one, and makes none", async () => {
  const work = new Workspace();
  expect((await ran(work, ["token", "list"])).stdout).not.toContain("certificate");
  await ran(work, ["invite"]);
  const { cert } = await ownIdentity(work.path("spool", "tls"), "localhost");
  const listed = await ran(work, ["token", "list"]);
  expect(listed.stdout + listed.stderr).toContain(fingerprintOf(cert));
});
