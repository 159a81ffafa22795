/** Metrics: what a scrape of a server says about itself, asked of the real registry. */
import { Metrics } from "../../../src/net/extensions/observe/metrics.ts";
import { cell, code, join, type Page, table } from "../markdown.ts";
import { prose } from "../prose.ts";
import { fileComment } from "../source-comments.ts";

const METRICS = "src/net/extensions/observe/metrics.ts";

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: ReadonlySet<string>;
}

/** Reads the text format of Prometheus as far as the reference needs it. */
export function parseMetrics(text: string): Metric[] {
  const metrics = new Map<string, { name: string; help: string; type: string; labels: Set<string> }>();
  for (const line of text.split("\n")) {
    const about = /^# (?<kind>HELP|TYPE) (?<name>\S+) (?<text>.*)$/.exec(line)?.groups;
    if (about) {
      const name = about.name as string;
      const metric = metrics.get(name) ?? { name, help: "", type: "", labels: new Set<string>() };
      if (about.kind === "HELP") metric.help = about.text as string;
      else metric.type = about.text as string;
      metrics.set(name, metric);
      continue;
    }
    const sample = /^(?<name>\w+)\{(?<labels>.*)\} /.exec(line)?.groups;
    const metric = sample && metrics.get((sample.name as string).replace(/_(?:bucket|sum|count)$/, ""));
    for (const [, label] of sample?.labels?.matchAll(/(\w+)="/g) ?? [])
      if (label !== "le") metric?.labels.add(label as string);
  }
  return [...metrics.values()];
}

/** All that a server of today would say to Prometheus. */
export async function currentMetrics(): Promise<Metric[]> {
  const sources = {
    queues: () => ({
      rows: (after: string | null) => (after === null ? [{ home: "default", total: [1, 1] as const }] : []),
      of: () => [1, 1] as const,
      sums: { waiting: { files: 1, bytes: 1 }, dead: { files: 0, bytes: 0 } },
    }),
    unfinishedUploads: () => 0,
    spoolBytes: () => 0,
    diskFreeBytes: async () => 0,
    traffic: () => ({ received: 0, sent: 0 }),
  };
  const metrics = new Metrics(sources, { version: "0", durability: "fsync" });
  return parseMetrics(await metrics.text());
}

export async function metricsPage(): Promise<Page> {
  const all = await currentMetrics();
  const own = all.filter(({ name }) => name.startsWith("filespool_"));
  if (own.length === 0) throw new Error(`${METRICS} names no metrics of ours`);
  return {
    name: "metrics",
    title: "Metrics",
    about: "What a server tells Prometheus about itself.",
    from: [METRICS],
    body: join(
      prose(fileComment(METRICS)),
      table(
        ["Metric", "Type", "Labels", "What it says"],
        own.map(({ name, type, labels, help }) => [code(name), type, [...labels].map(code).join(", "), cell(help)]),
      ),
      `Beside these there are ${all.length - own.length} of the process itself (memory, CPU, event loop), as prom-client names them.`,
    ),
  };
}
