import { expect, test } from "vitest";
import { Reloader, type ReloadHook } from "../../src/cli/commands/serve-reload.ts";
import { brokenRules } from "../../src/cli/commands/serve-rules.ts";
import { UsageError } from "../../src/cli/exit-codes.ts";
import type { OperateEvent } from "../../src/cli/report/event-text.ts";
import { type Settings, withAnswer } from "../../src/cli/settings/origins.ts";
import { resolve } from "../../src/cli/settings/resolve.ts";

const settingsOf = (values: Record<string, unknown>, flags: Record<string, string | true> = {}): Settings =>
  resolve("serve", { flags, env: {}, file: { path: "c.json", values } });

function reloaderOf(first: Settings, ...hooks: ReloadHook[]) {
  const told: OperateEvent[] = [];
  const next = { settings: first };
  const tell = (event: OperateEvent) => void told.push(event);
  const reread = async () => next.settings;
  return { reloader: new Reloader({ settings: first, reread, hooks, tell }), told, next };
}

/** Notes what was put into force. */
function hookFor(settings: ReloadHook["settings"]) {
  const committed: unknown[] = [];
  const prepare: ReloadHook["prepare"] = (values) => () => void committed.push(...settings.map((name) => values[name]));
  return { hook: { settings, prepare }, committed };
}

test("what a hook claims is put into force, and the rest is named until the restart", async () => {
  const { hook, committed } = hookFor(["max-connections"]);
  const { reloader, told, next } = reloaderOf(settingsOf({}), hook);
  next.settings = settingsOf({ "max-connections": 7, lease: "2m" });
  await reloader.reload();
  expect(committed).toEqual([7]);
  expect([reloader.values["max-connections"], reloader.values.lease]).toEqual([7, 60_000]);
  await reloader.reload();
  expect(told).toEqual([
    { event: "reloaded", applied: ["max-connections"], restart: ["lease"] },
    { event: "reloaded", applied: [], restart: ["lease"] },
  ]);
});

test("a hook that cannot prepare leaves everything as it was", async () => {
  const { hook, committed } = hookFor(["max-connections"]);
  const broken: ReloadHook = {
    settings: [],
    prepare: () => {
      throw new UsageError("the certificate does not fit its key");
    },
  };
  const { reloader, told, next } = reloaderOf(settingsOf({}), hook, broken);
  next.settings = settingsOf({ "max-connections": 7 });
  await reloader.reload();
  expect(committed).toEqual([]);
  expect(reloader.values["max-connections"]).toBe(10_000);
  expect(told).toEqual([{ event: "reload-failed", code: "usage", message: "the certificate does not fit its key" }]);
});

test("a reload asked for during a reload happens after it, once, however often it was asked for", async () => {
  let [prepared, release] = [0, () => {}];
  const slow: ReloadHook = {
    settings: [],
    prepare: async () => {
      prepared++;
      await new Promise<void>((resolve) => {
        release = resolve;
        if (prepared > 1) resolve();
      });
      return () => {};
    },
  };
  const { reloader, told } = reloaderOf(settingsOf({}), slow);
  const first = reloader.reload();
  while (prepared === 0) await Promise.resolve();
  const others = [reloader.reload(), reloader.reload(), reloader.reload()];
  release();
  await Promise.all([first, ...others]);
  expect([prepared, told.length]).toEqual([2, 2]);
});

test("what was answered at the start holds until a stronger source says something else", async () => {
  const answered = withAnswer(settingsOf({}), "max-connections", 3);
  const { hook, committed } = hookFor(["max-connections"]);
  const { reloader, told, next } = reloaderOf(answered, hook);
  next.settings = settingsOf({});
  await reloader.reload();
  expect(told).toEqual([{ event: "reloaded", applied: [], restart: [] }]);
  next.settings = settingsOf({ "max-connections": 4 });
  await reloader.reload();
  expect(committed).toEqual([3, 4]);
});

test("settings that exclude each other are named together, and each alone is fine", () => {
  const broken = (flags: Record<string, string | true>) => brokenRules(settingsOf({}, flags));
  expect(broken({})).toEqual([]);
  expect(broken({ "metrics-port": "5011" })).toEqual([expect.stringMatching(/--metrics-port.* are both 5011/)]);
  expect(broken({ "metrics-port": "0", port: "0" })).toEqual([]);
  expect(broken({ "metrics-host": "0.0.0.0" })).toEqual([]);
  const open = { "metrics-host": "0.0.0.0", "metrics-port": "1" };
  expect(broken(open)).toEqual([expect.stringContaining("--metrics-insecure")]);
  expect(broken({ ...open, "metrics-insecure": true })).toEqual([]);
  expect(broken({ ...open, insecure: true })).toEqual([]);
  expect(broken({ log: "-" })).toEqual([]);
  expect(broken({ log: "-", json: true, ...open, port: "1" })).toHaveLength(3);
});
