/**
 * Checks that a spool folder is ours. A server trusts its content: the tokens let people in, and the key identifies it.
 *
 * Two things can be wrong:
 *
 *   received     the default, ./spool, is in the working folder, and nobody has named it. A received folder of that name
 *                could bring tokens and a key that its sender knows. So this program marks each spool that it makes, with
 *                a file whose name no received file can have. A spool without the mark must be named once, and then gets it
 *   shared       others may write to it. That is a warning and no error: a group may run a server together, and a server
 *                that does not start does not help those who wait for their files
 *
 * Never here: what is in a spool (spool/local/store.ts), and what is in its tokens (net/extensions/trust/tokens.ts). Why: adr/0071.
 */
import { readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../../net/extensions/trust/private-files.ts";
import { SPOOL_MARK } from "../../net/receiver/landing-names.ts";
import { UsageError } from "../exit-codes.ts";
import { line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { isGiven, type Settings } from "../settings/origins.ts";
import { whyNotOurs } from "../settings/own-files.ts";

/** For a person who finds the mark. */
const MARK_TEXT =
  "This folder is the spool of a filespool server. Without this file, you have to name the folder: --spool\n";

/** The names in a folder; none if it does not exist. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the code that uses the folder reports the error
  }
}

/** @throws UsageError for a folder that nobody named and that has no mark */
export function checkSpool(settings: Settings): void {
  const { spool } = settings.values;
  const names = namesIn(spool);
  if (isGiven(settings, "spool") || names.length === 0 || names.includes(SPOOL_MARK)) return;
  throw new UsageError(
    `the folder ${spool} exists, but nothing shows that it is your spool; it could be a folder that you received. ` +
      `If it is your spool, name it once: --spool ${spool}`,
  );
}

/** Marks an existing spool folder. If that fails, the only consequence is that it must be named the next time. */
export async function markSpool(folder: string): Promise<void> {
  const names = namesIn(folder);
  if (names.length === 0 || names.includes(SPOOL_MARK)) return;
  await writeWhole(join(folder, SPOOL_MARK), MARK_TEXT, 0o644).catch(() => {});
}

/** What a server trusts without further checks, and what a sentence calls it. */
const BELIEVED = [
  [".", "the spool folder"],
  ["tokens.json", "the tokens"],
  ["index.mdb", "the index of the spool"],
  ["tls", "the folder of the certificate"],
  ["tls/cert.pem", "the certificate"],
  ["tls/key.pem", "the key of the certificate"],
] as const;

/** Warns of each part of a spool that others may write. */
export async function warnOfOpenSpool(folder: string, report: Pick<Report, "warn">): Promise<void> {
  for (const [name, what] of BELIEVED) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    const why = found && whyNotOurs(path, found, line`${what} ${path}`);
    if (why) report.warn(`${why} (anybody who can write there can let others in and change waiting files)`);
  }
}
