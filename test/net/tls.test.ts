import { once } from "node:events";
import { statSync } from "node:fs";
import { type AddressInfo, connect, createServer as createSocketServer } from "node:net";
import { generate } from "selfsigned";
import { describe, expect, onTestFinished, test } from "vitest";
import { createDigest } from "../../src/disk/digest.ts";
import { createServer } from "../../src/net/create-server.ts";
import { fingerprintOf, ownIdentity } from "../../src/net/extensions/trust/tls.ts";
import { MemorySpool } from "../../src/spool/memory-spool.ts";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;

async function encrypted() {
  const work = new Workspace();
  const identity = await ownIdentity(work.path("tls"), "localhost");
  const running = await work.serve({ tls: identity });
  return { work, identity, running, port: running.port, tls: { fingerprints: [fingerprintOf(identity.cert)] } };
}

test("the certificate is made once, and its key is its owner's alone", async () => {
  const work = new Workspace();
  const first = await ownIdentity(work.path("tls"), "example.org");
  expect(await ownIdentity(work.path("tls"), "other.example")).toEqual(first);
  expect([statSync(work.path("tls")).mode & 0o777, statSync(work.path("tls", "key.pem")).mode & 0o777]).toEqual([
    0o700, 0o600,
  ]);
});

test("a folder that cannot be used is named", async () => {
  const work = new Workspace();
  const file = work.write("file", "x");
  await expect(ownIdentity(file, "localhost")).rejects.toMatchObject({
    code: "folder-unusable",
    message: expect.stringContaining(file),
  });
});

describe("files over TLS", () => {
  test.each([0, 5, 64 * 1024, 3 * MiB + 7])("arrive as they were sent: %i bytes", async (size) => {
    const { work, port, tls } = await encrypted();
    const bytes = content(size);
    expect(await work.send({ port, tls, files: [work.write("a", bytes)] }).done).toMatchObject({ stored: 1 });
    expect(await work.receive({ port, tls }).done).toMatchObject({ landed: 1 });
    expect(work.read("out", "a").equals(bytes)).toBe(true);
  });

  test("300 small ones keep their order", async () => {
    const { work, port, tls } = await encrypted();
    const files = Array.from({ length: 300 }, (_, at) => work.write(`f${at}`, `${at}`));
    expect(await work.send({ port, tls, files }).done).toMatchObject({ stored: 300 });
    const receiver = work.receive({ port, tls });
    expect(await receiver.done).toMatchObject({ landed: 300 });
    const names = receiver.events.events.flatMap((event) => (event.event === "landed" ? [event.name] : []));
    expect(names).toEqual(files.map((_, at) => `f${at}`));
  });

  test("resume after the connection was cut in the middle", async () => {
    const { work, port, tls } = await encrypted();
    const bytes = content(40 * MiB);
    const proxy = await CuttingProxy.start(port, (connection) =>
      connection === 1 ? { direction: "up", after: 30 * MiB, how: "reset" } : null,
    );
    const sender = work.send({ port: proxy.port, tls, files: [work.write("a", bytes)] });
    expect(await sender.done).toMatchObject({ stored: 1 });
    expect(sender.events.events.some(({ event }) => event === "resumed")).toBe(true);
  });

  test("cannot be read by who sees them pass", async () => {
    const { work, port, tls } = await encrypted();
    const seen: Buffer[] = [];
    const relay = createSocketServer((near) => {
      const far = connect(port, "localhost");
      near.on("data", (bytes) => seen.push(bytes)).on("error", () => {});
      near.pipe(far.on("error", () => {})).pipe(near);
    }).listen(0);
    onTestFinished(() => void relay.close());
    await once(relay, "listening");
    const token = "the-secret-token";
    const { port: relayPort } = relay.address() as { port: number };
    await work.send({ port: relayPort, tls, token, files: [work.write("a", "the secret content")] }).done;
    expect(Buffer.concat(seen).length).toBeGreaterThan(500);
    expect(Buffer.concat(seen).includes("secret")).toBe(false);
  });
});

describe("a client sends nothing", () => {
  test("to a server with another certificate", async () => {
    const { work, port } = await encrypted();
    const done = work.send({ port, tls: { fingerprints: ["ab".repeat(32)] }, files: [] }).done;
    await expect(done).rejects.toMatchObject({
      code: "certificate-refused",
      message: expect.stringContaining(`localhost:${port}`),
    });
  });

  test("to a server whose certificate no authority has signed, unless it is pinned or its authority is named", async () => {
    const { work, port, identity } = await encrypted();
    const done = work.send({ port, tls: {}, files: [] }).done;
    await expect(done).rejects.toMatchObject({
      code: "certificate-refused",
      message: expect.stringMatching(/authority|fingerprint/),
    });
    expect(await work.send({ port, tls: { ca: identity.cert }, files: [] }).done).toMatchObject({ stored: 0 });
  });

  test("to a server whose certificate has expired, and is told that", async () => {
    const work = new Workspace();
    const names = { name: "subjectAltName" as const, altNames: [{ type: 2 as const, value: "localhost" }] };
    const made = await generate([{ name: "commonName", value: "localhost" }], {
      ...{ keyType: "ec", algorithm: "sha256", extensions: [names] },
      notBeforeDate: new Date(2020, 0, 1),
      notAfterDate: new Date(2021, 0, 1),
    });
    const identity = { cert: made.cert, key: made.private };
    const { port } = await work.serve({ tls: identity });
    const done = work.send({ port, tls: { ca: identity.cert }, files: [] }).done;
    await expect(done).rejects.toMatchObject({
      code: "certificate-refused",
      message: expect.stringContaining("expired"),
    });
  });

  test("to a server that does not encrypt", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const done = work.send({ port, tls: {}, retryMs: 0, files: [] }).done;
    await expect(done).rejects.toMatchObject({
      code: "tls-failed",
      message: expect.stringMatching(/^localhost:\d+ does not encrypt, but this end does$/),
    });
  });

  test("without encryption to a server that asks for it, and hears that it is no such server", async () => {
    const { work, port, running } = await encrypted();
    for (const connectRetryMs of [0, 60_000]) {
      const done = work.send({ port, connectRetryMs, files: [] }).done;
      await expect(done).rejects.toMatchObject({
        code: "tls-failed",
        message: expect.stringMatching(/^localhost:\d+ encrypts, but this end does not$/),
      });
    }
    const { code, message, peer } = await running.events.waitFor("turned-away");
    expect([code, message]).toEqual(["tls-failed", "it does not encrypt, but this server does"]);
    expect(peer).toMatch(/:\d{2,}$/);
  });

  test("to a server that hangs up and does not encrypt either, which is then all that is said", async () => {
    const work = new Workspace();
    const silent = createSocketServer((socket) => socket.on("error", () => {}).end()).listen(0, "localhost");
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const done = work.send({ port, files: [] }).done;
    await expect(done).rejects.toMatchObject({
      code: "connection-lost",
      message: expect.stringMatching(/closed the connection without sending anything$/),
    });
  });
});

describe("a server", () => {
  test("goes on to serve beside peers that never finish shaking hands, and closes those in time", async () => {
    const work = new Workspace();
    const identity = await ownIdentity(work.path("tls"), "localhost");
    const { port } = await work.serve({ tls: identity, limits: { handshakeMs: 200 } });
    const silent = connect(port, "localhost").on("error", () => {});
    await once(silent.resume(), "close");
    const noisy = connect(port, "localhost").on("error", () => {});
    noisy.write("GET / HTTP/1.1\r\n\r\n");
    await once(noisy.resume(), "close");
    const tls = { fingerprints: [fingerprintOf(identity.cert)] };
    expect(await work.send({ port, tls, files: [work.write("a", "a")] }).done).toMatchObject({ stored: 1 });
  });

  test("takes a new certificate without a restart, and keeps the old one when the new one is none", async () => {
    const { work, port, running, tls } = await encrypted();
    expect(() => running.server.useCertificate({ cert: "nothing", key: "" })).toThrow("cannot be used");
    expect(await work.send({ port, tls, files: [] }).done).toMatchObject({ stored: 0 });
    const next = await ownIdentity(work.path("next"), "localhost");
    running.server.useCertificate(next);
    await expect(work.send({ port, tls, files: [] }).done).rejects.toMatchObject({ code: "certificate-refused" });
    const both = { fingerprints: [...tls.fingerprints, fingerprintOf(next.cert)] };
    expect(await work.send({ port, tls: both, files: [] }).done).toMatchObject({ stored: 0 });
  });

  test("does not start with a certificate that is none, or with somebody else's key", async () => {
    const work = new Workspace();
    const [one, other] = [
      await ownIdentity(work.path("1"), "localhost"),
      await ownIdentity(work.path("2"), "localhost"),
    ];
    for (const tls of [
      { cert: "x", key: one.key },
      { cert: one.cert, key: "x" },
      { cert: one.cert, key: other.key },
    ])
      await expect(
        createServer({ port: 0, spool: new MemorySpool({ now: () => 0, createDigest }), tls }),
      ).rejects.toMatchObject({
        code: "tls-failed",
      });
  });

  test.each([
    [{}, "encryption and tokens"],
    [{ gate: { admit: () => Promise.reject() } as never }, "encryption"],
  ])("refuses to listen beyond this machine unprotected: %#", async (options, missing) => {
    const done = createServer({
      port: 0,
      spool: new MemorySpool({ now: () => 0, createDigest }),
      host: "0.0.0.0",
      ...options,
    });
    await expect(done).rejects.toMatchObject({ code: "address-unusable", message: expect.stringContaining(missing) });
  });
});
