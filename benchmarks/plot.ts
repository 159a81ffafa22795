/** Throughput over buffer size, as bars in a terminal and as curves in an SVG that reads on light and on dark. */
import { formatSize, table } from "./format.ts";
import { type Measured, timesOf } from "./results.ts";
import { median } from "./stats.ts";

const MiB = 1024 * 1024;

interface Point {
  readonly bufferBytes: number;
  readonly rate: number;
  readonly min: number;
  readonly max: number;
}

export interface Curve {
  /** Such as "1GiB fsync memory". */
  readonly name: string;
  readonly points: readonly Point[];
}

/** The lines to draw: cases of the sweep that differ in their buffer only. MiB/s. */
export function curvesOf(cases: readonly Measured[]): Curve[] {
  const curves = new Map<string, Point[]>();
  for (const one of cases) {
    const [, file = "", buffer = "", durability = "", tls = "", place = ""] = one.key.split("/");
    if (!one.key.startsWith("filespool/") || one.samples.length === 0) continue;
    const name = `${file} ${durability}${tls === "tls-on" ? " TLS" : ""} ${place}`;
    const rates = timesOf(one).map((ms) => one.bytes / MiB / (ms / 1000));
    const point = {
      bufferBytes: toBytes(buffer),
      rate: median(rates),
      min: Math.min(...rates),
      max: Math.max(...rates),
    };
    curves.set(name, [...(curves.get(name) ?? []), point]);
  }
  return [...curves].map(([name, points]) => ({ name, points: points.sort((a, b) => a.bufferBytes - b.bufferBytes) }));
}

function toBytes(size: string): number {
  const [, number = "1", unit = "B"] = /^(\d+)(\w+)$/.exec(size) ?? [];
  return Number(number) * 1024 ** ["B", "KiB", "MiB", "GiB"].indexOf(unit);
}

/** A bar for each point; the longest of a curve is 40 cells. */
export function bars(curves: readonly Curve[]): string {
  return curves
    .map(({ name, points }) => {
      const best = Math.max(...points.map(({ rate }) => rate));
      const rows = points.map(({ bufferBytes, rate }) => [
        `  ${formatSize(bufferBytes)}`,
        `${rate.toFixed(0)} MiB/s`,
        "#".repeat(Math.max(1, Math.round((rate / best) * 40))).padEnd(40),
      ]);
      return `${name}, store and forward\n${table(rows)}`;
    })
    .join("\n\n");
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [860, 480, 70, 50, 210, 60];
const COLOURS = ["#0b7285", "#c2255c", "#5f3dc4", "#2b8a3e", "#e67700", "#1864ab", "#862e9c", "#a61e4d"];

/** A drawing of all curves. Dashes tell apart what colours may not. */
export function svg(curves: readonly Curve[], caption: string): string {
  const points = curves.flatMap((curve) => curve.points);
  const sizes = [...new Set(points.map(({ bufferBytes }) => bufferBytes))].sort((a, b) => a - b);
  const top = niceAbove(Math.max(...points.map(({ max }) => max), 1));
  const logs = sizes.map(Math.log2);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const x = (bytes: number) =>
    LEFT + (high === low ? 0.5 : (Math.log2(bytes) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const y = (rate: number) => TOP + (1 - rate / top) * (HEIGHT - TOP - BOTTOM);
  const at = (value: number) => value.toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1]
    .map((share) => share * top)
    .map(
      (
        rate,
      ) => `<line class="grid" stroke="#ced4da" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(rate))}" y2="${at(y(rate))}"/>
<text x="${LEFT - 8}" y="${at(y(rate) + 4)}" text-anchor="end">${rate}</text>`,
    );
  const ticks = sizes.map(
    (bytes) => `<text x="${at(x(bytes))}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${formatSize(bytes)}</text>`,
  );
  const lines = curves.map(({ name, points: own }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const dash = ["", "7 4", "2 3", "10 3 2 3"][Math.floor(index / 2) % 4];
    const style = `stroke="${colour}"${dash ? ` stroke-dasharray="${dash}"` : ""}`;
    const path = own
      .map((point, step) => `${step ? "L" : "M"}${at(x(point.bufferBytes))} ${at(y(point.rate))}`)
      .join("");
    const ranges = own.map(
      ({ bufferBytes, min, max }) =>
        `<line stroke="${colour}" x1="${at(x(bufferBytes))}" x2="${at(x(bufferBytes))}" y1="${at(y(min))}" y2="${at(y(max))}"/>`,
    );
    const row = TOP + 8 + index * 22;
    const legend = `<line ${style} stroke-width="2.5" x1="${WIDTH - RIGHT + 16}" x2="${WIDTH - RIGHT + 48}" y1="${row}" y2="${row}"/>
<text x="${WIDTH - RIGHT + 56}" y="${row + 4}">${inXml(name)}</text>`;
    return `<path ${style} stroke-width="2.5" fill="none" d="${path}"/>${ranges.join("")}${legend}`;
  });
  const middle = (LEFT + WIDTH - RIGHT) / 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Throughput over buffer size">
<style>
svg { --ink: #212529; --paper: #ffffff; --line: #dee2e6; font: 13px system-ui, sans-serif; background: var(--paper) }
text { fill: var(--ink) } .grid { stroke: var(--line) } .title { font-size: 16px; font-weight: 600 }
@media (prefers-color-scheme: dark) { svg { --ink: #e9ecef; --paper: #16191d; --line: #343a40 } }
</style>
<text class="title" x="${LEFT}" y="24">Store and forward: throughput over buffer size</text>
${grid.join("\n")}
${ticks.join("\n")}
<text x="${middle}" y="${HEIGHT - 18}" text-anchor="middle">buffer size (log scale); ${inXml(caption)}</text>
<text transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">MiB/s, median; bars: min to max</text>
${lines.join("\n")}
</svg>
`;
}

/** 1, 2 or 5 times a power of ten that is not below. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

const inXml = (text: string): string => text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
