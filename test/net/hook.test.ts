import { existsSync, renameSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { HookBackoff } from "../../src/net/extensions/hook/hook-backoff.ts";
import type { LandedFile } from "../../src/net/options.ts";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { Workspace } from "../support/workspace.ts";

async function served(names: readonly string[], failuresMax = 20, size = 10) {
  const work = new Workspace();
  const server = await work.serve({ spool: { limits: { failuresMax } } });
  const files = names.map((name, at) => work.write(name, content(size, at)));
  await work.send({ port: server.port, files }).done;
  return { work, ...server };
}

describe("a hook", () => {
  test("runs for each landed file before its ack, one at a time and in order", async () => {
    const { work, port, spool } = await served(["a", "b", "c"]);
    const seen: LandedFile[] = [];
    let running = 0;
    const onLanded = async (file: LandedFile) => {
      expect(++running).toBe(1);
      expect(existsSync(file.path)).toBe(true);
      expect(spool.waiting("default")).toBeGreaterThanOrEqual(3 - seen.length);
      await new Promise(setImmediate);
      seen.push(file);
      running--;
    };
    const receiver = work.receive({ port, onLanded });
    expect(await receiver.done).toMatchObject({ landed: 3, failures: [] });
    expect(seen.map(({ name, path }) => [name, path])).toEqual(["a", "b", "c"].map((n) => [n, work.path("out", n)]));
    expect(seen[0]).toMatchObject({ queue: "default", size: 10, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect([spool.waiting("default"), work.list()]).toEqual([0, ["a", "b", "c"]]);
  });

  test("that fails takes the file away again, and the next attempt lands it anew", async () => {
    for (const size of [10, 3_000_000]) {
      const { work, port } = await served(["a", "b"], 20, size);
      let failed = 0;
      const onLanded = ({ name }: LandedFile) => {
        if (name === "a" && ++failed <= 2) throw new Error(`no, ${failed}`);
      };
      const receiver = work.receive({ port, onLanded, count: 2, hookPauseMs: 1 });
      expect(await receiver.done).toMatchObject({ landed: 2, failures: [] });
      const retries = receiver.events.all("retrying").map(({ code, message }) => [code, message]);
      expect(retries).toEqual([1, 2].map((n) => ["command-failed", `no, ${n}`]));
      expect(work.list()).toEqual(["a", "b"]);
      expect(work.read("out", "a").equals(content(size, 0))).toBe(true);
    }
  });

  test("that always fails makes a dead letter in the end, and lands nothing", async () => {
    const { work, port, spool } = await served(["a"], 3);
    const onLanded = () => {
      throw new Error("never");
    };
    const { landed, failures } = await work.receive({ port, onLanded, waitMs: 300, hookPauseMs: 1 }).done;
    expect([landed, failures]).toMatchObject([0, [{ code: "command-failed", kind: "local" }]]);
    expect(await spool.dead("default")).toMatchObject([{ name: "a", failures: 3, reason: "never" }]);
    expect(work.list()).toEqual([]);
  });

  test("that fails waits longer each time, and a success ends that", async () => {
    const { work, port } = await served(["a", "b", "c"]);
    const begun: number[] = [];
    const onLanded = () => {
      begun.push(performance.now());
      const tries = begun.length;
      if (tries <= 4 || tries === 6) throw new Error("no");
    };
    const receiver = work.receive({ port, onLanded, count: 3, hookPauseMs: 20 });
    expect(await receiver.done).toMatchObject({ landed: 3, failures: [] });
    expect(receiver.events.all("retrying").map(({ delayMs }) => delayMs)).toEqual([20, 40, 80, 160, 20]);
    const waited = begun.slice(1, 5).map((ms, at) => ms - (begun[at] as number));
    for (const [at, ms] of waited.entries()) expect(ms).toBeGreaterThanOrEqual(20 * 2 ** at - 1);
  });

  test("that is broken pauses a minute at most, and far longer than an attempt takes", () => {
    const pause = new HookBackoff({ out: "", follow: true }, AbortSignal.timeout(1));
    const pauses = Array.from({ length: 20 }, () => pause.failed());
    expect(pauses.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000));
    expect(pauses.slice(0, 19).reduce((sum, ms) => sum + ms)).toBeGreaterThan(10 * 60_000);
  });

  test("is tried once for each file by a run that takes what is there; what failed stays, and the rest lands", async () => {
    const { work, port, spool } = await served(["a", "b", "c"]);
    const tried: string[] = [];
    const onLanded = ({ name }: LandedFile) => {
      tried.push(name);
      if (name !== "b") throw new Error(`not ${name}`);
    };
    const receiver = work.receive({ port, onLanded });
    const failed = { code: "command-failed", kind: "local" };
    expect(await receiver.done).toMatchObject({ landed: 1, failures: [failed, failed] });
    expect([tried, work.list(), spool.waiting("default")]).toEqual([["a", "b", "c"], ["b"], 2]);
    expect(receiver.events.all("retrying")).toEqual([]);
    expect(receiver.events.all("refused").map(({ name, message }) => [name, message])).toEqual([
      ["a", "not a"],
      ["c", "not c"],
    ]);
    expect(await work.receive({ port, onLanded: () => {} }).done).toMatchObject({ landed: 2, failures: [] });
  });

  test("is not waited for by a run that was told to stop", async () => {
    const { work, port } = await served(["a"]);
    const stopped = new AbortController();
    const onLanded = () => {
      throw new Error("no");
    };
    const receiver = work.receive({ port, onLanded, follow: true, hookPauseMs: 3_600_000, signal: stopped.signal });
    await receiver.events.waitForCount("retrying", 1);
    stopped.abort();
    await expect(receiver.done).rejects.toMatchObject({ code: "interrupted" });
    expect(work.list()).toEqual([]);
  });

  test("may take the file away itself; it is acked all the same, and does not come again", async () => {
    const { work, port, spool } = await served(["a"]);
    const onLanded = ({ path }: LandedFile) => renameSync(path, work.path("elsewhere"));
    expect(await work.receive({ port, onLanded }).done).toMatchObject({ landed: 1 });
    expect([spool.waiting("default"), work.list()]).toEqual([0, []]);
  });

  test("runs once although the connection is lost while it runs", async () => {
    const { work, port, spool } = await served(["a"]);
    const proxy = await CuttingProxy.start(port, (connection) =>
      connection === 1 ? { direction: "up", before: "ack", how: "reset" } : null,
    );
    let runs = 0;
    const onLanded = () => void runs++;
    expect(await work.receive({ port: proxy.port, onLanded }).done).toMatchObject({ landed: 1 });
    expect([runs, spool.waiting("default"), work.list()]).toEqual([1, 0, ["a"]]);
  });

  test("that was interrupted runs again in the next run, which takes that very file back and lands it anew", async () => {
    for (const policy of ["refuse", "rename"] as const) {
      const { work, port, spool } = await served(["a"]);
      const stopped = new AbortController();
      const first = work.receive({
        port,
        signal: stopped.signal,
        onLanded: ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(new Error("stopped")));
            stopped.abort();
          }),
      });
      await expect(first.done).rejects.toMatchObject({ code: "interrupted" });
      expect(work.list()).toContain("a");
      expect(spool.waiting("default")).toBe(1);
      if (policy === "rename") {
        // Somebody has moved it, and put another in its place: that one is not ours to take.
        renameSync(work.path("out", "a"), work.path("moved"));
        writeFileSync(work.path("out", "a"), "mine");
      }
      const runs: string[] = [];
      const onLanded = ({ path }: LandedFile) => void runs.push(path);
      await work.receive({ port, onLanded, ifExists: policy }).done;
      expect(spool.waiting("default")).toBe(0);
      expect(runs).toEqual(policy === "refuse" ? [work.path("out", "a")] : []);
      expect(work.list()).toEqual(["a"]);
      expect(work.read("out", "a").toString()).toBe(policy === "refuse" ? content(10, 0).toString() : "mine");
    }
  });
});

test("a file lands under the name that its receiver chose", async () => {
  const { work, port } = await served(["a"]);
  await work.receive({ port, as: "b", count: 1 }).done;
  expect(work.list()).toEqual(["b"]);
});
