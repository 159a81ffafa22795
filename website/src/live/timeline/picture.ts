/**
 * Where things stand in the sequence diagram: three lifelines, time downwards, frames as slopes between them.
 *
 * A frame is a band: its upper edge is its first byte, its lower edge its last, so that bandwidth can be seen as well as
 * latency. Refuses to know colours. Invariants, tested: nothing lies outside of the picture, and labels do not overlap.
 */
import { type Flight, type Mark, RESTART_MS, type Story, type Who } from "./story.ts";

export const WIDTH = 360;
export const TOP = 34;
export const FOOT = 14;
const LINES: Record<Who, number> = { sender: 42, server: 180, receiver: 318 };
const LABEL_HEIGHT = 11;

export interface Band {
  readonly flight: Flight;
  readonly points: string;
  readonly isControl: boolean;
}
export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly sentMs: number;
}
export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly mark: Mark;
}
export interface Sequence {
  readonly height: number;
  readonly bands: readonly Band[];
  readonly labels: readonly Label[];
  readonly dots: readonly Dot[];
  /** When a program was not running. */
  readonly gaps: readonly { readonly who: Who; readonly from: number; readonly to: number }[];
}

export const lifeline = (who: Who): number => LINES[who];

/** Where a time is; `height` is that of the whole picture. */
export const yOf = (ms: number, endMs: number, height: number): number =>
  TOP + (Math.min(ms, endMs) / Math.max(endMs, 1)) * (height - TOP - FOOT);

export function sequence({ flights, marks, endMs }: Story, height: number): Sequence {
  const y = (ms: number) => yOf(ms, endMs, height);
  const bands = flights.map((flight): Band => {
    const { sentMs, leftMs, arrivesMs, overMs, fate } = flight;
    const [from, to] = [LINES[flight.from], LINES[flight.to]];
    const latencyMs = arrivesMs - leftMs;
    const isStopped = fate === "lost" || fate === "partly";
    // Where the first and the last byte were when the connection was cut: no byte goes on after that.
    const reach = (beganMs: number) => {
      if (!isStopped) return { x: to, ms: beganMs + latencyMs };
      const share = latencyMs === 0 ? 1 : Math.max(0, Math.min(1, (overMs - beganMs) / latencyMs));
      return { x: from + (to - from) * share, ms: Math.max(beganMs, Math.min(overMs, beganMs + latencyMs)) };
    };
    const lastMs = isStopped ? Math.max(sentMs, Math.min(leftMs, overMs)) : leftMs;
    const [first, last] = [reach(sentMs), reach(lastMs)];
    const corner = (x: number, ms: number) => `${x.toFixed(1)},${y(ms).toFixed(1)}`;
    const points = [corner(from, sentMs), corner(first.x, first.ms), corner(last.x, last.ms), corner(from, lastMs)];
    return { flight, points: points.join(" "), isControl: flight.name !== "data" };
  });

  const labels: Label[] = [];
  for (const { flight, isControl } of bands) {
    if (!isControl || flight.fate === "lost") continue;
    const place = {
      x: (LINES[flight.from] + LINES[flight.to]) / 2,
      y: y((flight.sentMs + flight.arrivesMs) / 2) - 2,
    };
    const isTaken = labels.some((label) => label.x === place.x && Math.abs(label.y - place.y) < LABEL_HEIGHT);
    if (!isTaken && place.y > TOP + 8) labels.push({ ...place, text: flight.name, sentMs: flight.sentMs });
  }

  const dots = marks
    .filter(({ kind }) => kind !== "durable")
    .map((mark) => ({ x: LINES[mark.who], y: y(mark.atMs), mark }));
  const gaps = marks
    .filter(({ kind }) => kind === "up")
    .map(({ who, atMs }) => ({ who, from: y(atMs - RESTART_MS), to: y(atMs) }));
  return { height, bands, labels, dots, gaps };
}

/** The moments at which something happens, once each: where a step to the next one leads. */
export function moments({ flights, marks }: Story): number[] {
  const all = [...marks.map(({ atMs }) => atMs), ...flights.flatMap(({ sentMs, overMs }) => [sentMs, overMs])];
  return [...new Set(all.map((ms) => Math.ceil(ms)))].sort((a, b) => a - b);
}
