/**
 * What the benchmark measured for each buffer size, and what that means for a file and a link of one's own.
 *
 * The points are read from the committed results, never typed in here. The prediction is one formula of three terms, so
 * that a reader can check it by hand; what it leaves out is said beside it (ASSUMPTIONS). Refuses to guess at buffers that
 * nobody measured. Invariants, tested: more bandwidth or less latency never makes it slower.
 */
import { HEADER_BYTES } from "../../../../src/protocol/frame.ts";

export interface Results {
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly cpu: string; readonly cores: number };
  readonly cases: readonly {
    readonly key: string;
    readonly bytes: number;
    readonly samples: readonly {
      readonly ms: number;
      readonly uploadMs?: number | undefined;
      readonly downloadMs?: number | undefined;
    }[];
  }[];
}

export interface Point {
  readonly key: string;
  readonly bufferBytes: number;
  readonly bytes: number;
  /** There and back: fastest, median and slowest sample. */
  readonly ms: { readonly min: number; readonly median: number; readonly max: number };
  /** Medians of each way, bytes a second. */
  readonly upload: number;
  readonly download: number;
}

const UNITS: Record<string, number> = { KiB: 1024, MiB: 1024 * 1024 };

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

/** Every case of the sweep over buffers, smallest buffer first: keys like filespool/1GiB/256KiB/fsync/tls-off/memory. */
export function sweep({ cases }: Results): Point[] {
  return cases
    .flatMap(({ key, bytes, samples }): Point[] => {
      const [, number, unit = ""] = /^filespool\/[^/]+\/(\d+)(KiB|MiB)\/fsync\/tls-off\/memory$/.exec(key) ?? [];
      if (number === undefined || samples.length === 0) return [];
      const all = samples.map(({ ms }) => ms);
      const rate = (way: "uploadMs" | "downloadMs") =>
        bytes / (median(samples.map((sample) => sample[way] ?? sample.ms / 2)) / 1000);
      return [
        {
          key,
          bufferBytes: Number(number) * (UNITS[unit] as number),
          bytes,
          ms: { min: Math.min(...all), median: median(all), max: Math.max(...all) },
          upload: rate("uploadMs"),
          download: rate("downloadMs"),
        },
      ];
    })
    .sort((a, b) => a.bufferBytes - b.bufferBytes);
}

export interface Link {
  readonly fileBytes: number;
  readonly bytesPerSecond: number;
  /** Round trip. */
  readonly rttMs: number;
}

/** Round trips of a large upload before and after its bytes: TCP, hello and welcome, offer and accept, finish and stored. */
export const ROUND_TRIPS = 4;

export interface Prediction {
  readonly seconds: number;
  readonly tripSeconds: number;
  readonly byteSeconds: number;
  /** Bytes of headers beside those of the file. */
  readonly headerBytes: number;
  readonly limitedBy: "link" | "machine" | "round trips";
}

export function predict({ fileBytes, bytesPerSecond, rttMs }: Link, { bufferBytes, upload }: Point): Prediction {
  const headerBytes = Math.ceil(fileBytes / bufferBytes) * HEADER_BYTES;
  const tripSeconds = (ROUND_TRIPS * rttMs) / 1000;
  const byteSeconds = (fileBytes + headerBytes) / Math.min(bytesPerSecond, upload);
  const slower = bytesPerSecond <= upload ? "link" : "machine";
  return {
    seconds: tripSeconds + byteSeconds,
    tripSeconds,
    byteSeconds,
    headerBytes,
    limitedBy: tripSeconds > byteSeconds ? "round trips" : slower,
  };
}

export const ASSUMPTIONS = [
  "one file over 64 KiB, one connection, sent until the server says stored; a receiver takes it later",
  "the machine is the one of the measurement, where both ends share its cores and the files lie in memory",
  "the TCP window holds bandwidth times round trip; where it does not, the link is slower than it could be",
  "no loss, no other traffic, no TLS; starting the program is not counted",
];

const MiB = 1024 * 1024;
export const CHOICES = {
  fileBytes: [1, 10, 100, 1024, 10 * 1024, 100 * 1024].map((size) => size * MiB),
  /** 1 Mbit/s to 10 Gbit/s, in bytes. */
  bytesPerSecond: [1, 10, 50, 100, 500, 1000, 2500, 10_000].map((megabits) => (megabits * 1_000_000) / 8),
  rttMs: [0, 1, 5, 20, 50, 100, 200, 300, 600],
};

export interface ChartState extends Link {
  readonly bufferBytes: number;
}

export const encodeState = ({ bufferBytes, fileBytes, bytesPerSecond, rttMs }: ChartState): string =>
  [bufferBytes, fileBytes, bytesPerSecond, rttMs].join("_");

/** Null unless every number is one of those to choose from. */
export function decodeState(text: string, points: readonly Point[]): ChartState | null {
  const [buffer, file, rate, rtt] = text.split("_");
  const find = (values: readonly number[], value: string | undefined) => values.find((one) => String(one) === value);
  const bufferBytes = find(
    points.map((point) => point.bufferBytes),
    buffer,
  );
  const fileBytes = find(CHOICES.fileBytes, file);
  const bytesPerSecond = find(CHOICES.bytesPerSecond, rate);
  const rttMs = find(CHOICES.rttMs, rtt);
  if (bufferBytes === undefined || fileBytes === undefined || bytesPerSecond === undefined || rttMs === undefined)
    return null;
  return { bufferBytes, fileBytes, bytesPerSecond, rttMs };
}
