import fc from "fast-check";
import { expect, test } from "vitest";
import { content, sha256 } from "../support/content.ts";
import { CuttingProxy, type Fault } from "../support/cutting-proxy.ts";
import { Place } from "../support/process-program.ts";
import { Workspace } from "../support/workspace.ts";
import { landedIn, MAIN, receiveMinimal, relayTo, sendMinimal, serveMinimal } from "./programs.ts";

const SIZE = 5 * 1024 * 1024 + 123;

/** Places in a stream that belong to the seed of this run. The greeting is over by then: whoever has had none takes the address for a wrong one. */
const anywhere = fc.integer({ min: 1000, max: SIZE - 1 });
const randomBytes = (count: number): number[] => fc.sample(fc.noBias(anywhere), count);

test("a cut at any byte of either direction costs a resume, and no copy and no byte", async () => {
  const ways = fc.constantFrom<Fault["how"]>("reset", "end");
  const cut = fc.record({ up: anywhere, down: anywhere, acks: fc.nat(600), how: ways });
  await fc.assert(
    fc.asyncProperty(cut, async ({ up, down, acks, how }) => {
      const place = new Workspace();
      const { port } = await serveMinimal(place.path("spool"));
      const paths = [place.write("large.bin", content(SIZE, up)), place.write("small.bin", content(1000, down))];
      const toServer = await CuttingProxy.start(port, (n) =>
        n === 1 ? { direction: "up", after: up, how } : n === 2 ? { direction: "down", after: acks, how } : null,
      );
      expect((await sendMinimal(toServer.port, paths)).failures).toEqual([]);
      const fromServer = await CuttingProxy.start(port, (n) =>
        n === 1 ? { direction: "down", after: down, how } : n === 2 ? { direction: "up", after: acks, how } : null,
      );
      expect((await receiveMinimal(fromServer.port, place.path("out"))).failures).toEqual([]);
      expect(landedIn(place)).toEqual([
        ["large.bin", sha256(content(SIZE, up))],
        ["small.bin", sha256(content(1000, down))],
      ]);
    }),
    { numRuns: 6 },
  );
});

test.each(["sender", "server", "receiver"])(
  "a %s that is killed at random bytes costs nothing but a resume",
  async (victim) => {
    for (const after of randomBytes(2)) {
      const world = new Place();
      const place = new Workspace();
      const start = (...words: string[]) => world.script(MAIN, [...words, "--json"]);
      const path = place.write("file.bin", content(SIZE, after));
      const receive = ["receive", "--output", place.path("out"), "--port"];
      const serve = ["serve", "--spool", place.path("spool"), "--port"];
      const server = victim === "server" ? start(...serve, "0") : null;
      const port = server ? (await server.seen("listening")).port : (await serveMinimal(place.path("spool"))).port;
      let killed = server;
      const direction = victim === "receiver" ? "down" : "up";
      const relay = await relayTo(port, direction, after, () => killed?.signal("SIGKILL"));

      if (victim === "sender") {
        killed = start("send", "--port", String(relay), path);
        expect(await killed.ended).toBe("SIGKILL");
        expect(await start("send", "--port", String(port), path).ended).toBe(0);
      } else if (server) {
        const sending = sendMinimal(relay, [path]);
        expect(await server.ended).toBe("SIGKILL");
        await start(...serve, String(port)).seen("listening");
        expect((await sending).failures).toEqual([]);
      } else {
        await sendMinimal(port, [path]);
        killed = start(...receive, String(relay));
        expect(await killed.ended).toBe("SIGKILL");
        expect(place.list().filter((name) => !name.startsWith("."))).toEqual([]);
      }
      const last = start(...receive, String(relay)); // what was begun from one address is gone on with from there
      expect(await last.ended).toBe(0);
      expect(landedIn(place)).toEqual([["file.bin", sha256(content(SIZE, after))]]);
    }
  },
);
