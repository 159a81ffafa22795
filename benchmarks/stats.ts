/** Medians, spreads, and when two sets of samples may be called different. */

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** The smallest and the largest. With so few samples as here, a quantile would promise more than it knows. */
export const spread = (values: readonly number[]): [min: number, max: number] => [
  Math.min(...values),
  Math.max(...values),
];

export type Verdict = "faster" | "slower" | "no difference that the spread allows" | "too few samples";

/** So many on both sides, or there is no verdict. */
export const SAMPLES_MIN = 3;

/**
 * Whether `after` is faster than `before`, in milliseconds. Only if every sample of one is below every sample of the other:
 * with three on each side, chance alone does that once in ten times one way, with five once in 252. So a verdict of three
 * is a hint, one of five or more is news.
 */
export function verdict(before: readonly number[], after: readonly number[]): Verdict {
  if (before.length < SAMPLES_MIN || after.length < SAMPLES_MIN) return "too few samples";
  const [beforeMin, beforeMax] = spread(before);
  const [afterMin, afterMax] = spread(after);
  if (afterMax < beforeMin) return "faster";
  return afterMin > beforeMax ? "slower" : "no difference that the spread allows";
}
