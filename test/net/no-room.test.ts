import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { content } from "../support/content.ts";
import { type RunningServer, Workspace } from "../support/workspace.ts";

const KiB = 1024;

describe("a file that there is no room for now", () => {
  const stored = ({ events }: RunningServer) => events.all("stored").map(({ name }) => name);
  const begin = async (sizes: number[]) => {
    const work = new Workspace();
    const server = await work.serve({ spool: { limits: { spoolBytesMax: 500 * KiB } } });
    const files = sizes.map((size, at) => work.write(`${at}`, content(size * KiB, at)));
    return { work, server, files };
  };

  test.each([
    ["small", [60, 60], 490],
    ["large", [200, 200], 400],
  ])("does not keep the others from being stored, and is stored when there is (%s)", async (_, others, size) => {
    const { work, server, files } = await begin([...others.slice(0, 1), size, ...others.slice(1)]);
    const sender = work.send({ port: server.port, files });
    expect(await sender.events.waitFor("retrying")).toMatchObject({ code: "spool-full" });
    expect(stored(server)).toEqual(["0", "2"]);
    await work.receive({ port: server.port, count: 2 }).done;
    expect(await sender.done).toMatchObject({ stored: 3, repeated: 0, failures: [] });
    expect(stored(server)).toEqual(["0", "2", "1"]);
    await work.receive({ port: server.port }).done;
    expect(work.read("out", "1").equals(content(size * KiB, 1))).toBe(true);
  });

  test("is what the run fails for when its patience is over, and only it is missing", async () => {
    const { work, server, files } = await begin([50, 490, 50]);
    const sender = work.send({ port: server.port, files, retryMs: 300 });
    await expect(sender.done).rejects.toMatchObject({ code: "spool-full", kind: "temporary" });
    expect(stored(server)).toEqual(["0", "2"]);
  });

  test("is one of many: after a few of them the sender waits instead of sending more in vain", async () => {
    const { work, server, files } = await begin([490, ...Array<number>(400).fill(50)]);
    const sender = work.send({ port: server.port, files, retryMs: 0 });
    await expect(sender.done).rejects.toMatchObject({ code: "spool-full" });
    expect(stored(server)).toEqual(["0"]);
    // What was on its way when the first answers came was in vain; of the rest nothing was sent.
    expect(sender.events.all("offered").length).toBeLessThan(LIMITS.windowBytes / (50 * KiB) + 40);
  });
});
