/**
 * A disk as a crash sees it: for every fact, what the kernel would say now and what the platters would say.
 *
 * A write changes the first; a sync makes the second follow. When only a program dies, the kernel goes on and nothing
 * changes. When the power goes, each fact that was not synced is as it was before or as it is now, and nobody promises
 * which. Refuses to know what the facts mean. Invariant: a fact that was synced is the same in every outcome.
 */

export type Crash = "killed" | "power";

interface Bit {
  readonly now: boolean;
  readonly durable: boolean;
}

export type Disk<F extends string> = { readonly [fact in F]: Bit };
export type Facts<F extends string> = { readonly [fact in F]: boolean };

/** What one step does: facts that come to be or cease to be, and facts that are synced. */
export interface Effect<F extends string> {
  readonly writes?: readonly F[];
  readonly removes?: readonly F[];
  readonly syncs?: readonly F[];
}

export const emptyDisk = <F extends string>(facts: readonly F[]): Disk<F> =>
  Object.fromEntries(facts.map((fact) => [fact, { now: false, durable: false }])) as unknown as Disk<F>;

export function apply<F extends string>(disk: Disk<F>, { writes = [], removes = [], syncs = [] }: Effect<F>): Disk<F> {
  const next: Record<string, Bit> = { ...disk };
  const set = (fact: F, bit: Partial<Bit>) => {
    next[fact] = { ...(next[fact] as Bit), ...bit };
  };
  for (const fact of writes) set(fact, { now: true });
  for (const fact of removes) set(fact, { now: false });
  for (const fact of syncs) set(fact, { durable: (next[fact] as Bit).now });
  return next as Disk<F>;
}

/** Every disk that may be found after the crash, each once. */
export function outcomes<F extends string>(disk: Disk<F>, crash: Crash): Facts<F>[] {
  const entries = Object.entries(disk) as [F, Bit][];
  let found: Record<string, boolean>[] = [{}];
  for (const [fact, { now, durable }] of entries) {
    const values = crash === "power" && now !== durable ? [durable, now] : [now];
    found = found.flatMap((facts) => values.map((value) => ({ ...facts, [fact]: value })));
  }
  return found as Facts<F>[];
}
