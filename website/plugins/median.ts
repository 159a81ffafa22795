/** The middle of some numbers; of an even count, the mean of the two in the middle. For pages and plugins alike. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error("there are no numbers to take the middle of");
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.floor(half)] as number) + (sorted[Math.ceil(half) - 1] as number)) / 2;
}
