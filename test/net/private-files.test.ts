import { chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ownIdentity } from "../../src/net/extensions/trust/tls.ts";
import { createToken } from "../../src/net/extensions/trust/tokens.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { content } from "../support/content.ts";
import { Workspace } from "../support/workspace.ts";

const WISH = { name: "", queues: ["*"], rights: ["send"] as const, expiresAtMs: null };
const modeOf = (path: string): number => statSync(path).mode & 0o777;
const isRoot = process.getuid?.() === 0;

describe("where the umask forbids nothing", () => {
  beforeEach(() => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
  });

  test("the spool is its owner's alone, whoever makes the folder first", async () => {
    const work = new Workspace();
    await (await LocalSpool.open({ folder: work.path("spool") })).close();
    await createToken(work.path("tokens", "tokens.json"), WISH, 0);
    await ownIdentity(work.path("keys", "tls"), "localhost");
    for (const made of ["spool", "tokens", "keys", "keys/tls"]) expect(modeOf(work.path(made)), made).toBe(0o700);
  });

  test("content and secrets are closed also in a folder that is open", async () => {
    const work = new Workspace();
    mkdirSync(work.path("spool", "data"), { recursive: true, mode: 0o755 });
    const { port } = await work.serve({ spool: { folder: work.path("spool") } });
    await work.send({ port, files: [work.write("large", content(3_000_000)), work.write("small", "small")] }).done;
    await createToken(work.path("spool", "tokens.json"), WISH, 0);
    await ownIdentity(work.path("spool", "tls"), "localhost");
    const [large] = readdirSync(work.path("spool", "data"));
    const files = [`data/${large}`, "index.mdb", "tokens.json", "tokens.json.lock", "tls/key.pem"];
    for (const file of files) expect(modeOf(work.path("spool", file)), file).toBe(0o600);
  });
});

test("two who are the first at the same time have one certificate, with its own key", async () => {
  const work = new Workspace();
  const made = await Promise.all(Array.from({ length: 6 }, () => ownIdentity(work.path("tls"), "localhost")));
  const kept = await ownIdentity(work.path("tls"), "localhost");
  expect(made).toEqual(Array(6).fill(kept));
  await work.serve({ tls: kept }); // which it would not with another's key
});

test("a lock that leads elsewhere is not followed", async () => {
  const work = new Workspace();
  symlinkSync(work.path("elsewhere"), work.path("tokens.json.lock"));
  await expect(createToken(work.path("tokens.json"), WISH, 0)).rejects.toMatchObject({ code: "folder-unusable" });
  expect(existsSync(work.path("elsewhere"))).toBe(false);
});

test.runIf(isRoot)("what root makes in the folder of a service, the service can read", async () => {
  const work = new Workspace();
  mkdirSync(work.path("spool"));
  chownSync(work.path("spool"), 1234, 1235);
  await createToken(work.path("spool", "tokens.json"), WISH, 0);
  await ownIdentity(work.path("spool", "tls"), "localhost");
  for (const file of ["tokens.json", "tokens.json.lock", "tls", "tls/cert.pem", "tls/key.pem"]) {
    const { uid, gid } = statSync(work.path("spool", file));
    expect([uid, gid], file).toEqual([1234, 1235]);
  }
  writeFileSync(work.path("mine"), ""); // and nothing else changes hands
  symlinkSync(work.path("mine"), work.path("spool", "link"));
  expect(statSync(work.path("mine")).uid).toBe(0);
});
