/** Operators' files are tried with the real tools: promtool and Prometheus, where they are installed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { parse } from "yaml";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const ROOT = join(import.meta.dirname, "../..");
const RULES = "deploy/prometheus-rules.yaml";
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const has = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;
const [hasTool, hasPrometheus] = [has("promtool"), has("prometheus")];
if (!hasTool) console.warn("SKIPPED: the alarms are not tried: promtool (Debian: prometheus) is missing");
if (!hasPrometheus) console.warn("SKIPPED: no real scrape: prometheus (Debian: prometheus) is missing");

interface Rule {
  readonly alert: string;
  readonly expr: string;
}
const rules = (): Rule[] =>
  (parse(read(RULES)) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

test.runIf(hasTool)("promtool finds the alarms right, and sees each of them fire and stay silent", () => {
  for (const words of [
    ["check", "rules", RULES],
    ["test", "rules", "test/prometheus/rules.yaml"],
  ]) {
    const { status, stdout, stderr } = spawnSync("promtool", words, { cwd: ROOT, encoding: "utf8" });
    expect([status, status === 0 ? "" : stdout + stderr]).toEqual([0, ""]);
  }
});

test("each alarm has a case in which it fires, and one in which it is silent", () => {
  const cases = (parse(read("test/prometheus/rules.yaml")) as { tests: { alert_rule_test: Case[] }[] }).tests;
  interface Case {
    readonly alertname: string;
    readonly exp_alerts: unknown[];
  }
  const tried = cases.flatMap(({ alert_rule_test }) => alert_rule_test);
  for (const { alert } of rules()) {
    const own = tried.filter(({ alertname }) => alertname === alert);
    const fires = own.map(({ exp_alerts }) => exp_alerts.length > 0);
    expect([alert, fires.includes(true), fires.includes(false)]).toEqual([alert, true, true]);
  }
});

/** Names of metrics in a text, without what a histogram adds to them. */
const metricsIn = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/\bfilespool_[a-z0-9_]*[a-z0-9]/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, "")),
  );

test("every metric that an alarm or a page names is in a scrape of a real server, from its start", async () => {
  const place = new Place();
  const server = await place.serve("--metrics-port", "0");
  const { port } = await server.seen("metrics");
  const text = await (await fetch(`http://localhost:${port}/metrics`)).text();
  const declared = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name as string));
  const pages = readdirSync(join(ROOT, "website/docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.mdx?$/.test(name))
    .map((name) => `website/docs/${name}`);
  for (const path of [RULES, "deploy/README.md", "README.md", "test/prometheus/rules.yaml", ...pages])
    expect([path, [...metricsIn(read(path))].filter((name) => !declared.has(name))]).toEqual([path, []]);
  // A counter that an alarm compares with its own past has all its lines, so that the first event is an increase.
  const counters = rules().flatMap(({ expr }) => [
    ...expr.matchAll(/(?:increase|rate)\((\w+)(?:\{code=~"([^"]+)"\})?/g),
  ]);
  expect(counters.length).toBeGreaterThan(3);
  for (const [, name = "", codes] of counters) {
    const wanted = codes?.split("|").map((code) => `${name}{code="${code}"} 0`) ?? [name];
    for (const line of wanted) expect(text).toContain(`\n${line}`);
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

test.runIf(hasPrometheus)(
  "a real Prometheus scrapes a real server, and the first refusal raises its alarm",
  async () => {
    const place = new Place();
    // It has no room for anything, whatever disk it is on.
    const server = await place.serve("--metrics-port", "0", "--max-spool-size", "1");
    const { port } = await server.seen("metrics");
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: [join(ROOT, RULES)],
      scrape_configs: [{ job_name: "filespool", static_configs: [{ targets: [`localhost:${port}`] }] }],
    };
    writeFileSync(place.path("prometheus.json"), JSON.stringify(config)); // JSON is YAML
    const api = `localhost:${await freePort()}`;
    const words = [`--config.file=${place.path("prometheus.json")}`, `--storage.tsdb.path=${place.path("tsdb")}`];
    const prometheus = spawn("prometheus", [...words, `--web.listen-address=${api}`], { stdio: "ignore" });
    onTestFinished(() => ended(prometheus));
    const ask = async <T>(path: string): Promise<T> =>
      ((await (await fetch(`http://${api}/api/v1/${path}`)).json()) as { data: T }).data;
    const values = async (query: string): Promise<[string, number][]> => {
      type Result = { metric: Record<string, string>; value: [number, string] }[];
      const { result } = await ask<{ result: Result }>(`query?query=${encodeURIComponent(query)}`);
      return result.map(({ metric, value }) => [metric.code ?? "", Number(value[1])]);
    };
    const WAIT = { timeout: 120_000, interval: 200 };
    const refused = 'filespool_transfers_refused_total{code="spool-full"}';
    // Two scrapes at least, which see a 0.
    await vi.waitFor(async () => expect(await values(`count_over_time(${refused}[1m]) > 1`)).toHaveLength(1), WAIT);
    expect(await values("up")).toEqual([["", 1]]);
    expect(await values(refused)).toEqual([["spool-full", 0]]);
    await place.run(place.send(server.port, "--retry", "0", writeSmall(place.path("file"), "xx")), 5);
    await vi.waitFor(async () => expect(await values(`increase(${refused}[10m]) > 0`)).toHaveLength(1), WAIT);
    type Alerts = { alerts: { labels: Record<string, string>; state: string }[] };
    await vi.waitFor(async () => {
      const firing = (await ask<Alerts>("alerts")).alerts.filter(({ state }) => state === "firing");
      expect(firing.map(({ labels }) => [labels.alertname, labels.code])).toEqual([
        ["FilespoolRefusesForNow", "spool-full"],
      ]);
    }, WAIT);
    type Rules = { groups: { rules: { health: string }[] }[] };
    const { groups } = await ask<Rules>("rules");
    expect(new Set(groups.flatMap((group) => group.rules.map(({ health }) => health)))).toEqual(new Set(["ok"]));
  },
);

async function ended(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  if (child.exitCode === null && child.kill("SIGKILL")) await closed;
}
