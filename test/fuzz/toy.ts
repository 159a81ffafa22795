/** Something to find: each step towards the fault is a branch, and only the next one beyond it can be seen from there. */
export function toy(bytes: Buffer): void {
  if ((bytes[0] ?? 0) < 200) return;
  if ((bytes[1] ?? 0) < 200) return;
  if ((bytes[2] ?? 0) < 200) return;
  if ((bytes[3] ?? 255) > 20) return;
  throw new Error("the planted fault");
}
