/** What holds the first time must hold the second: another connection of one run, another refused file of one connection, a file that replaces another. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { senderKey } from "../../src/cli/commands/send-key.ts";
import { fingerprintOf, ownIdentity } from "../../src/net/extensions/trust/tls.ts";
import { createToken } from "../../src/net/extensions/trust/tokens.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { diskError, replaceFileMethod } from "../support/disk-faults.ts";
import { dataFrameOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;

describe("the certificate of a server", () => {
  test("is judged on every connection of a run: one that was exchanged between two gets nothing more", async () => {
    const work = new Workspace();
    const identity = await ownIdentity(work.path("tls"), "localhost");
    const { port, server } = await work.serve({ tls: identity });
    const other = await ownIdentity(work.path("other"), "localhost");
    const proxy = await CuttingProxy.start(port, (connection) => {
      if (connection === 1) return { direction: "up", after: 3 * MiB, how: "reset" };
      server.useCertificate(other);
      return null;
    });
    const tls = { fingerprints: [fingerprintOf(identity.cert)] };
    const sender = work.send({ port: proxy.port, tls, files: [work.write("a", content(12 * MiB))] });
    await expect(sender.done).rejects.toMatchObject({ code: "certificate-refused" });
    expect(sender.events.all("connected")).toHaveLength(1);
  });
});

describe("what is skipped of refused files", () => {
  test("is counted by the file: a patient sender of many is no flood", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const peer = await RawPeer.connect(port);
    await peer.greet("sender");
    const each = 20 * MiB;
    const files = Math.ceil((1.5 * LIMITS.skipBytesMax) / each);
    for (let file = 1; file <= files; file++) {
      const algorithm = "sha256";
      peer.send({ type: "offer", transfer: idOf(file), queue: "q", name: "..", size: each, algorithm, wait: true });
      await peer.pour(dataFrameOf(0, content(MiB)), each / MiB);
      expect(await peer.until("refuse")).toMatchObject({ about: idOf(file), code: "name-refused" });
    }
    peer.send({ type: "bye" });
    expect(await peer.ending()).toBe("closed");
  });
});

describe("a secret whose sync fails", () => {
  const broken = () => replaceFileMethod("sync", () => () => Promise.reject(diskError("EIO")));

  test("is no token: nobody is told it, and the tokens before it are as they were", async () => {
    const work = new Workspace();
    const file = work.path("tokens.json");
    const wish = { name: "n", queues: ["*"], rights: ["send"] as const, expiresAtMs: null };
    await createToken(file, wish, 0);
    const before = readFileSync(file, "utf8");
    await broken();
    await expect(createToken(file, wish, 0)).rejects.toThrow(/EIO|error/);
    expect(readFileSync(file, "utf8")).toBe(before);
  });

  test("is no sender key: it is said that it will not last, and none is there", async () => {
    const work = new Workspace();
    await broken();
    const said: string[] = [];
    await senderKey(work.path("state"), (sentence) => void said.push(sentence));
    expect(said).toMatchObject([expect.stringMatching(/the sender key .* cannot be used/)]);
    expect(work.list("state")).toEqual([]);
  });
});
