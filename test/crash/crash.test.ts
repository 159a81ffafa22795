import { expect, test, vi } from "vitest";
import { faultsOf, KINDS } from "./faults.ts";
import { crashMatrix } from "./matrix.ts";

vi.setConfig({ testTimeout: 600_000 });

const SEED = Number(process.env.FILESPOOL_SEED);
const KILLS = Number(process.env.FILESPOOL_KILLS ?? 20);

test("whoever is killed, at a named point or at any moment: nothing is lost, doubled, damaged or left behind", async () => {
  const broken: string[] = [];
  const matrix = await crashMatrix({
    seed: SEED,
    kills: KILLS,
    built: false,
    onRound: (_, outcome, kept) => void broken.push(...outcome.broken.map((what) => `${what} (kept: ${kept})`)),
  });
  console.info(
    `seed ${SEED}: ${matrix.kills} kills in ${matrix.rounds} rounds: ${Object.keys(matrix.points).join("; ")}`,
  );
  expect(broken).toEqual([]);
  expect(matrix).toMatchObject({ lost: 0, duplicated: 0, corrupted: 0, otherwiseBroken: 0 });
  expect(matrix.kills).toBeGreaterThanOrEqual(KILLS);
});

test("every kind of program has points before and after its steps, none of them twice", () => {
  for (const kind of KINDS) {
    const faults = faultsOf(kind);
    expect(new Set(faults).size).toBe(faults.length);
    expect(faults.length).toBeGreaterThanOrEqual(10);
  }
});
