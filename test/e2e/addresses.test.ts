import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

test.each(["localhost", "127.0.0.1", "::1", "[::1]"])(
  "what a server on %s prints is understood by --host",
  async (host) => {
    if (host.includes("::") && !hasIPv6) return console.warn("skipped: this machine has no IPv6");
    const place = new Place();
    const server = place.start(["serve", "--yes", "--host", host, "--port", "0"]);
    await server.until(() => server.stdout.includes("Waiting"), "its line");
    const printed = /^listening on (\S+)$/m.exec(server.stdout)?.[1] as string;
    const file = writeSmall(place.path("a"), "a");
    const sender = place.start(["send", "--json", "--host", printed, file]);
    await place.run(sender);
    const connected = await sender.seen("connected");
    const shown = connected.host.includes(":")
      ? `[${connected.host}]:${connected.port}`
      : `${connected.host}:${connected.port}`;
    expect(shown).toBe(printed);
    // In every form that people type: with its port, apart from it, in a variable; for whoever connects.
    const [bare, port] = [printed.replace(/:\d+$/, ""), String(connected.port)];
    await place.run(place.start(["list", "--host", bare, "--port", port]));
    await place.run(place.start(["list", "--host", printed, "--port", port]));
    await place.run(place.start(["list"], { env: { FILESPOOL_HOST: printed } }));
    await place.run(place.start(["receive", "--out", "in", "--host", printed], { env: { FILESPOOL_PORT: "1" } }));
  },
);

test("a port behind the host and another one beside it contradict each other, unless one of them was said nearer", async () => {
  const place = new Place();
  const run = async (words: string[], code: number, env = {}) =>
    (await place.run(place.start(words, { env }), code)).stderr;
  expect(await run(["list", "--host", "localhost:1", "--port", "2"], 2)).toContain(
    "--host says port 1, and --port says 2; leave one of them out",
  );
  expect(await run(["list", "--host", "localhost:1"], 3, { FILESPOOL_PORT: "2" })).toContain("localhost:1:");
  expect(await run(["list", "--port", "1"], 3, { FILESPOOL_HOST: "localhost:2" })).toContain("localhost:1:");
  expect(await run(["serve", "--host", "[::1]:x"], 2)).toContain(
    '--host does not accept "[::1]:x": the port must be a whole number',
  );
  expect(await run(["list", "--host", "[::1]:0"], 2)).toContain("the port must be a whole number from 1 to 65535");
  for (const host of ["[::1", "::1]", "[localhost]", "a:b:c", "http://localhost", "[]:1"])
    expect(await run(["list", "--host", host], 2)).toContain(`--host does not accept ${JSON.stringify(host)}`);
  // An invite in the wrong place is a secret all the same.
  expect(await run(["list", "--host", "filespool://h:1/q#token=hunter2"], 2)).not.toContain("hunter2");
});

test("so it is for the metrics of a server, and in an invite", async () => {
  const place = new Place();
  const server = place.start(["serve", "--json", "--port", "0", "--metrics-host", "127.0.0.1:0"]);
  const { host, port } = await server.seen("metrics");
  const answer = await fetch(`http://${host}:${port}/healthz`);
  expect([host, answer.status]).toEqual(["127.0.0.1", 200]);
  const clash = ["serve", "--port", "0", "--metrics-host", "localhost:1", "--metrics-port", "2"];
  expect((await place.run(place.start(clash), 2)).stderr).toContain(
    "--metrics-host says port 1, and --metrics-port says 2",
  );
  const invite = await place.run(place.start(["invite", "--queue", "q", "--host", "[2001:db8::1]:6000"]));
  expect(invite.stdout).toMatch(/^filespool:\/\/\[2001:db8::1\]:6000\/q#/);
});
