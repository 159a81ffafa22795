/** Rounds, one after the other, until there were enough kills; and what came of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFiles } from "./files.ts";
import { plans } from "./plan.ts";
import { type Outcome, Round } from "./round.ts";

export interface Matrix {
  rounds: number;
  kills: number;
  readonly killsOf: Record<string, number>;
  /** Fault points that were hit, as "receiver: before link". */
  readonly points: Record<string, number>;
  filesAcknowledged: number;
  bytes: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  otherwiseBroken: number;
}

export interface Options {
  readonly seed: number;
  readonly kills: number;
  /** Uses the built program, which starts faster, if there is one. */
  readonly built: boolean;
  /** Called after each round, with the folder if it is kept because something broke. */
  onRound(matrix: Matrix, outcome: Outcome, kept: string | null): void;
}

export async function crashMatrix({ seed, kills, built, onRound }: Options): Promise<Matrix> {
  const matrix: Matrix = {
    ...{ rounds: 0, kills: 0, killsOf: { server: 0, sender: 0, receiver: 0 }, points: {}, filesAcknowledged: 0 },
    ...{ bytes: 0, lost: 0, duplicated: 0, corrupted: 0, otherwiseBroken: 0 },
  };
  const work = mkdtempSync(join(tmpdir(), "filespool-crash-"));
  const files = writeFiles(join(work, "files"), seed);
  let isBroken = false;
  for (const plan of plans(seed)) {
    const folder = join(work, `round ${matrix.rounds + 1}`);
    const outcome = await new Round(folder, files, plan, built).run();
    count(matrix, outcome);
    if (outcome.broken.length > 0) isBroken = true;
    else rmSync(folder, { recursive: true, force: true });
    onRound(matrix, outcome, outcome.broken.length > 0 ? folder : null);
    if (matrix.kills >= kills || isBroken) break;
  }
  if (!isBroken) rmSync(work, { recursive: true, force: true });
  return matrix;
}

function count(matrix: Matrix, { kills, acknowledged, bytes, broken }: Outcome): void {
  matrix.rounds++;
  matrix.kills += kills.length;
  for (const { kind, fault } of kills) {
    matrix.killsOf[kind] = (matrix.killsOf[kind] ?? 0) + 1;
    const point = `${kind}: ${fault.replace(/ \d+$/, "")}`;
    matrix.points[point] = (matrix.points[point] ?? 0) + 1;
  }
  matrix.filesAcknowledged += acknowledged;
  matrix.bytes += bytes;
  for (const what of broken) {
    if (what.startsWith("lost")) matrix.lost++;
    else if (what.startsWith("duplicated")) matrix.duplicated++;
    else if (what.includes("is not what was sent")) matrix.corrupted++;
    else matrix.otherwiseBroken++;
  }
}
