import { once } from "node:events";
import { request as startRequest } from "node:http";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { isOurs, MetricsServer } from "../../src/net/extensions/observe/metrics-server.ts";

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

const metrics = { contentType: "text/x-numbers", text: async () => "numbers\n" };

async function open(whyNotReady: () => string | null = () => null, own = metrics): Promise<MetricsServer> {
  const monitor = await MetricsServer.open({ host: "localhost", port: 0, whyNotReady, metrics: own });
  onTestFinished(() => monitor.close());
  return monitor;
}

async function ask({ port }: MetricsServer, path: string, method = "GET", headers = {}, body = ""): Promise<Answer> {
  const request = startRequest({ host: "localhost", port, path, method, headers, agent: false });
  request.end(body);
  const [response] = await once(request, "response");
  let text = "";
  for await (const piece of response.setEncoding("utf8")) text += piece;
  return { status: response.statusCode, type: response.headers["content-type"], text };
}

test("three paths are answered, with or without a query, and everything else is told what there is", async () => {
  const monitor = await open();
  expect(await ask(monitor, "/metrics?x=1")).toEqual({ status: 200, type: "text/x-numbers", text: "numbers\n" });
  expect(await ask(monitor, "/healthz")).toMatchObject({ status: 200, text: "ok\n" });
  expect(await ask(monitor, "/readyz")).toMatchObject({ status: 200, text: "ready\n" });
  for (const path of ["/", "/metrics/", "//metrics", "/../metrics", "/%6detrics"]) {
    expect(await ask(monitor, path), path).toMatchObject({ status: 404, text: expect.stringContaining("/readyz") });
  }
});

test("only GET and HEAD are answered, and HEAD without a body", async () => {
  const monitor = await open();
  expect(await ask(monitor, "/metrics", "HEAD")).toMatchObject({ status: 200, text: "" });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
    expect(await ask(monitor, "/metrics", method, {}, "x"), method).toMatchObject({ status: 405 });
  }
});

test("not ready is 503 with the reason, and says nothing about being alive", async () => {
  let reason: string | null = "draining";
  const monitor = await open(() => reason);
  expect(await ask(monitor, "/readyz")).toMatchObject({ status: 503, text: "not ready: draining\n" });
  expect(await ask(monitor, "/healthz")).toMatchObject({ status: 200 });
  reason = null;
  expect(await ask(monitor, "/readyz")).toMatchObject({ status: 200 });
});

test("numbers that cannot be had are a 500, and the next scrape is another try", async () => {
  let isBroken = true;
  const text = async () => {
    if (isBroken) throw new Error("/the/secret/folder is gone");
    return "numbers\n";
  };
  const monitor = await open(() => null, { ...metrics, text });
  const failed = await ask(monitor, "/metrics");
  expect(failed.status).toBe(500);
  expect(failed.text).not.toContain("secret");
  isBroken = false;
  expect(await ask(monitor, "/metrics")).toMatchObject({ status: 200 });
});

test("headers and connections are bounded, and whoever is cut does not disturb the others", async () => {
  const monitor = await open();
  expect(await ask(monitor, "/metrics", "GET", { big: "x".repeat(20_000) })).toMatchObject({ status: 431 });
  const sockets = Array.from({ length: 32 }, () => connect(monitor.port, "localhost").on("error", () => {}));
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  // All places are taken by those who say nothing: the next one is closed without an answer.
  const surplus = connect(monitor.port, "localhost").on("error", () => {});
  await once(surplus, "close");
  const [first, ...others] = sockets;
  first?.destroy();
  first?.once("close", () => {});
  const asked = others[0] as (typeof sockets)[number];
  asked.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  const [bytes] = await once(asked, "data");
  expect(String(bytes)).toMatch(/^HTTP\/1\.1 200 /);
});

test("a port that is taken is an error that names it", async () => {
  const { port } = await open();
  await expect(MetricsServer.open({ host: "localhost", port, whyNotReady: () => null, metrics })).rejects.toMatchObject(
    {
      code: "address-unusable",
      message: expect.stringContaining(`localhost:${port}`),
    },
  );
});

test("a host name that is not ours gets nothing, since a page in a browser nearby may have made it up", async () => {
  const monitor = await open();
  for (const host of ["localhost:1", "127.0.0.1", "[::1]:9469", "filespool", "a.localhost"])
    expect(await ask(monitor, "/metrics", "GET", { host }), host).toMatchObject({ status: 200 });
  for (const path of ["/metrics", "/healthz", "/readyz"])
    for (const host of ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example"])
      expect(await ask(monitor, path, "GET", { host }), host).toMatchObject({
        status: 421,
        text: expect.not.stringContaining("numbers"),
      });
  expect([isOurs("Files.example:9", "files.example"), isOurs(undefined, "::")]).toEqual([true, true]);
});
