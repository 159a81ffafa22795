import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FAILURES_MAX, FORGIVE_MS, TokenGate } from "../../src/net/extensions/trust/token-gate.ts";
import {
  createToken,
  FILE_BYTES_MAX,
  readTokens,
  revokeToken,
  rotateToken,
} from "../../src/net/extensions/trust/tokens.ts";
import { isQueuePattern, matchesQueue } from "../../src/net/server/access.ts";
import type { FilespoolError } from "../../src/protocol/errors.ts";
import { helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const ALICE = { name: "alice", queues: ["photos"], rights: ["send"] as const, expiresAtMs: null };

/** A file with one token, and a gate in front of it with a clock of its own. */
async function gateWith(wish: Partial<Parameters<typeof createToken>[1]> = {}) {
  const work = new Workspace();
  const file = work.path("tokens.json");
  const clock = { nowMs: 1_000_000 };
  const { token, record } = await createToken(file, { ...ALICE, ...wish }, clock.nowMs);
  const errors: FilespoolError[] = [];
  const gate = new TokenGate({ file, now: () => clock.nowMs, onError: (error) => errors.push(error) });
  return { work, file, clock, token, id: record.id, gate, errors };
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "let in";
  } catch (error) {
    return (error as FilespoolError).code;
  }
};

describe("a token", () => {
  test("opens its queues with its rights, and nothing else", async () => {
    const { gate, token } = await gateWith({ queues: ["photos", "team-*"], rights: ["send", "collect"] });
    const access = gate.admit(token, "192.0.2.1");
    expect(["photos", "team-a", "team-"].map((queue) => access.allows("send", queue))).toEqual([true, true, true]);
    expect(["photo", "photos2", "team", "other"].map((queue) => access.allows("send", queue))).toEqual(
      Array(4).fill(false),
    );
    expect([access.allows("collect", "photos"), access.allows("manage", "photos")]).toEqual([true, false]);
  });

  test("is nowhere in the file, which only its owner can read", async () => {
    const { file, token } = await gateWith();
    const secret = token.slice(token.indexOf("_", "fst_".length) + 1); // may have an underscore itself
    expect(secret).toHaveLength(43);
    expect(readFileSync(file, "utf8")).not.toContain(secret);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("that is changed in any place opens nothing", async () => {
    const { file, token, clock } = await gateWith();
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom("", "A", "0", "_", "é", " "), (at, other) => {
        fc.pre(token[at] !== other);
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        const gate = new TokenGate({ file, now: () => clock.nowMs });
        expect(codeOf(() => gate.admit(changed, "192.0.2.1"))).toBe("token-refused");
      }),
    );
  });

  test("that was revoked opens nothing from that moment on, and what it had opened is over", async () => {
    const { gate, token, file, id } = await gateWith();
    const access = gate.admit(token, "192.0.2.1");
    expect(await revokeToken(file, id)).toBe(true);
    expect(codeOf(() => gate.admit(token, "192.0.2.1"))).toBe("token-refused");
    expect([access.isOver, access.allows("send", "photos")]).toEqual([true, false]);
    expect(await revokeToken(file, id)).toBe(false);
  });

  test("expires at its time", async () => {
    const { gate, token, clock } = await gateWith({ expiresAtMs: 1_000_500 });
    const access = gate.admit(token, "192.0.2.1");
    clock.nowMs = 1_000_500;
    expect(codeOf(() => gate.admit(token, "192.0.2.1"))).toBe("token-refused");
    expect([access.isOver, access.allows("send", "photos")]).toEqual([true, false]);
  });

  test("that is rotated has a new secret, and the old one only for the time of grace", async () => {
    const { gate, token, file, id, clock } = await gateWith();
    const next = (await rotateToken(file, id, 1_000, clock.nowMs)) as string;
    expect([token, next].map((one) => codeOf(() => gate.admit(one, "192.0.2.1")))).toEqual(["let in", "let in"]);
    clock.nowMs += 1_000;
    expect([token, next].map((one) => codeOf(() => gate.admit(one, "192.0.2.1")))).toEqual(["token-refused", "let in"]);
    expect(await rotateToken(file, "00000000", 0, clock.nowMs)).toBeNull();
  });

  test("made while others are made is not lost", async () => {
    const work = new Workspace();
    const file = work.path("deep", "tokens.json");
    const made = await Promise.all(Array.from({ length: 20 }, () => createToken(file, ALICE, 0)));
    expect(new Set(readTokens(file).map(({ id }) => id))).toEqual(new Set(made.map(({ record }) => record.id)));
  });
});

describe("the gate", () => {
  test("lets in nobody without a token, and says only that", async () => {
    const { gate } = await gateWith();
    expect(() => gate.admit(undefined, "192.0.2.1")).toThrow("this server asks for a token");
    const unknown = `fst_00000000_${"A".repeat(43)}`;
    for (const token of ["", "fst_", unknown, "x".repeat(200)])
      expect(() => gate.admit(token, `192.0.2.${token.length}`)).toThrow("the token is unknown, expired or revoked");
  });

  test("does not listen to an address that was refused too often, and forgives with time", async () => {
    const { gate, token, clock } = await gateWith();
    const tries = (count: number, one: string, from = "2001:db8:1:2::5") =>
      Array.from({ length: count }, () => codeOf(() => gate.admit(one, from)));
    expect(tries(FAILURES_MAX, "wrong")).toEqual(Array(FAILURES_MAX).fill("token-refused"));
    // Not even with the right token, nor from the next address of the same network; but from elsewhere.
    expect(tries(1, token)).toEqual(["too-many-failures"]);
    expect(tries(1, token, "2001:db8:1:2:ffff::1")).toEqual(["too-many-failures"]);
    expect(tries(1, token, "2001:db8:1:3::5")).toEqual(["let in"]);
    clock.nowMs += FORGIVE_MS;
    expect(tries(2, "wrong")).toEqual(["token-refused", "too-many-failures"]);
    clock.nowMs += FORGIVE_MS * FAILURES_MAX;
    expect(tries(1, token)).toEqual(["let in"]);
  });

  test("treats an IPv4 address as the same one in IPv6 clothes", async () => {
    const { gate, token } = await gateWith();
    for (let at = 0; at < FAILURES_MAX; at++) codeOf(() => gate.admit("wrong", "::ffff:192.0.2.1"));
    expect(codeOf(() => gate.admit(token, "192.0.2.1"))).toBe("too-many-failures");
    expect(codeOf(() => gate.admit(token, "192.0.2.2"))).toBe("let in");
  });

  test.each([
    ["fd00::1:a:b:c:d", "fd00:0:0:1::9", "fd00::2:a:b:c:d"],
    ["2001:db8::1", "2001:db8::ffff:0:0:2", "2001:db8:0:1::1"],
    ["fe80:1:2:3:4:5:6:7", "fe80:1:2:3::", "fe80:1:2:4:4:5:6:7"],
  ])("counts a network of IPv6 as one, however its zeroes are written: %s", async (one, same, other) => {
    const { gate, token } = await gateWith();
    for (let at = 0; at < FAILURES_MAX; at++) codeOf(() => gate.admit("wrong", one));
    expect(codeOf(() => gate.admit(token, same))).toBe("too-many-failures");
    expect(codeOf(() => gate.admit(token, other))).toBe("let in");
  });

  test("goes on with what it knew when the file is damaged, and lets in nobody when it is gone", async () => {
    const { gate, token, file, errors } = await gateWith();
    writeFileSync(file, '{"format":1,"tokens":[{"id":"x"}]}');
    expect(codeOf(() => gate.admit(token, "192.0.2.1"))).toBe("let in");
    expect(errors).toMatchObject([{ code: "file-unreadable", message: expect.stringContaining(file) }]);
    writeFileSync(file, '{"format":1,"tokens":[]}');
    expect(codeOf(() => gate.admit(token, "192.0.2.1"))).toBe("token-refused");
  });

  test("goes on with what it knew when a folder is in the place of the file, and says so once", async () => {
    const { gate, token, file, errors } = await gateWith();
    rmSync(file);
    mkdirSync(file);
    expect([1, 2].map(() => codeOf(() => gate.admit(token, "192.0.2.1")))).toEqual(["let in", "let in"]);
    expect(errors).toMatchObject([{ code: "file-unreadable", message: expect.stringContaining(file) }]);
  });

  test("does not begin with a file that it cannot use", async () => {
    const { file } = await gateWith();
    writeFileSync(file, "not JSON");
    expect(codeOf(() => new TokenGate({ file }))).toBe("file-unreadable");
    if (process.getuid?.() === 0) return; // root may read everything
    chmodSync(file, 0);
    expect(codeOf(() => new TokenGate({ file }))).toBe("file-unreadable");
  });
});

test("a pattern is a queue name, or the beginning of one with a star behind it", () => {
  expect(["*", "photos", "team-*"].map(isQueuePattern)).toEqual([true, true, true]);
  expect(["", "**", "a*b", "../*", "-x"].map(isQueuePattern)).toEqual(Array(5).fill(false));
  expect(matchesQueue(["*"], "anything")).toBe(true);
});

describe("a server with a gate", () => {
  async function guarded(rights: readonly ("send" | "collect" | "manage")[], queues = ["photos"]) {
    const { work, file, token, id, gate } = await gateWith({ rights, queues });
    const { port, events } = await work.serve({ gate });
    return { work, file, token, id, port, events };
  }

  test("takes files of those who may send, and hands them to those who may collect", async () => {
    const { work, port, token } = await guarded(["send", "collect"]);
    const run = { port, queue: "photos", token };
    expect(await work.send({ ...run, files: [work.write("a", "a")] }).done).toMatchObject({ stored: 1 });
    expect(await work.receive(run).done).toMatchObject({ landed: 1 });
  });

  test("refuses whoever has no token, a wrong one, or the wrong right, before anything else is done", async () => {
    const { work, port, token } = await guarded(["send"]);
    const files = [work.write("a", "a")];
    await expect(work.send({ port, queue: "photos", files }).done).rejects.toMatchObject({ code: "token-refused" });
    await expect(work.send({ port, queue: "photos", files, token: `${token}x` }).done).rejects.toMatchObject({
      code: "token-refused",
    });
    await expect(work.receive({ port, queue: "photos", token }).done).rejects.toMatchObject({ code: "not-allowed" });
    const other = await work.send({ port, queue: "other", files, token }).done;
    expect(other).toMatchObject({
      stored: 0,
      failures: [{ code: "not-allowed", message: expect.stringContaining("other") }],
    });
  });

  test("does not let a stranger end the connection of a peer whose id it knows", async () => {
    const { port, token } = await guarded(["send"]);
    const hello = helloOf("sender");
    const owner = await RawPeer.connect(port);
    owner.send({ ...hello, token });
    await owner.until("welcome");
    const stranger = await RawPeer.connect(port);
    stranger.send(hello);
    expect(await stranger.until("error")).toMatchObject({ code: "token-refused" });
    owner.send({
      type: "offer",
      transfer: idOf(1),
      queue: "photos",
      name: "a",
      size: 100_000,
      algorithm: "sha256",
      wait: true,
    });
    expect(await owner.until("accept")).toMatchObject({ offset: 0 });
  });

  test("closes what a revoked token had opened", async () => {
    const { work, port, token, file, id } = await guarded(["collect"]);
    const receiver = work.receive({ port, queue: "photos", token, follow: true });
    await receiver.events.waitFor("connected");
    await revokeToken(file, id);
    await expect(receiver.done).rejects.toMatchObject({ code: "token-refused" });
  });

  test("says nothing of a token in any event", async () => {
    const { work, port, token, events } = await guarded(["send"]);
    await work.send({ port, queue: "photos", token, files: [work.write("a", "a")] }).done;
    expect(JSON.stringify(events.events)).not.toContain(token.slice(13));
  });
});

test("a file of tokens that is too large, or is no file, is refused before it is read, and none is written", async () => {
  const work = new Workspace();
  const file = work.path("tokens.json");
  const token = { name: "", queues: ["q"], rights: ["send" as const], expiresAtMs: null };
  await createToken(file, token, 0);
  const good = readFileSync(file, "utf8");
  const long = { ...token, queues: [`${"q".repeat(FILE_BYTES_MAX)}*`] };
  await expect(createToken(file, long, 0)).rejects.toMatchObject({ code: "folder-unusable" });
  expect(readFileSync(file, "utf8")).toBe(good);
  truncateSync(file, FILE_BYTES_MAX + 1);
  expect(() => readTokens(file)).toThrow(/more than \d+ bytes/);
  truncateSync(file, 2 ** 40);
  expect(() => readTokens(file)).toThrow(/more than \d+ bytes/);
  for (const other of ["/dev/zero", work.folder]) expect(() => readTokens(other)).toThrow("not a regular file");
});
