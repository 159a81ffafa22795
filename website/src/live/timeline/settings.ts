/**
 * What the reader of the timeline may choose, its bounds, and how it is written into a link.
 *
 * Invariant: `decode(encode(s))` is `s`, and nothing that a link says can ask for a run that a page could not bear:
 * sizes come from lists, and the number of frames is bounded by them.
 */
import { FAULTS, type Fault, type Settings } from "./story.ts";

const KiB = 1024;

export const CHOICES = {
  latencyMs: [0, 1, 5, 10, 20, 40, 80, 150, 300],
  bytesPerSecond: [16, 64, 128, 256, 512, 1024, 4096, 16384].map((size) => size * KiB),
  bufferBytes: [1, 2, 4, 8, 16, 32, 64].map((size) => size * KiB),
  fileBytes: [0, 1, 16, 64, 96, 128, 192, 256].map((size) => size * KiB),
} as const satisfies Partial<Record<keyof Settings, readonly number[]>>;

export const FAULTS_MAX = 8;
/** Later than any run without accidents ends. */
export const FAULT_MS_MAX = 100_000;
const SEED_MAX = 999_999;

export const FIRST: Settings = {
  seed: 1,
  latencyMs: 40,
  bytesPerSecond: 256 * KiB,
  bufferBytes: 8 * KiB,
  fileBytes: 96 * KiB,
  faults: [{ kind: "cut-sender", atMs: 480 }],
};

const KINDS = Object.keys(FAULTS) as Fault["kind"][];
const KEYS = Object.keys(CHOICES) as (keyof typeof CHOICES)[];

export const encodeSettings = (settings: Settings): string =>
  [
    settings.seed,
    ...KEYS.map((key) => settings[key]),
    ...settings.faults.map(({ kind, atMs }) => `${kind}@${atMs}`),
  ].join("_");

/** The settings of a link; null when it is not one. Faults that make no sense are left out. */
export function decodeSettings(text: string): Settings | null {
  const [seed = "", ...rest] = text.split("_");
  if (!/^\d{1,6}$/.test(seed) || Number(seed) > SEED_MAX) return null;
  const numbers = KEYS.map((key, at) => CHOICES[key].find((value) => String(value) === rest[at]));
  if (numbers.includes(undefined)) return null;
  const chosen = Object.fromEntries(KEYS.map((key, at) => [key, numbers[at]])) as Record<(typeof KEYS)[number], number>;
  const faults = rest.slice(KEYS.length).flatMap((one): Fault[] => {
    const [, kind = "", at = ""] = /^([a-z-]+)@(\d{1,6})$/.exec(one) ?? [];
    const known = KINDS.find((name) => name === kind);
    return known && Number(at) <= FAULT_MS_MAX ? [{ kind: known, atMs: Number(at) }] : [];
  });
  return { seed: Number(seed), ...chosen, faults: faults.slice(0, FAULTS_MAX) };
}
