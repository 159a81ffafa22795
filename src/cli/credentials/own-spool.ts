/**
 * Is this spool folder ours? What a server keeps there is believed: its tokens let people in, its key speaks for it.
 *
 * Two ways in which it may not be:
 *
 *   received     the default, ./spool, is in the working folder, and nobody has named it. A folder of that name that was
 *                received could bring tokens and a key that its sender knows. So a spool that this program has made has
 *                a mark, under a name that no landing gives; one without it has to be named once, and has it from then on
 *   shared       others may write to it. That is a warning and no refusal: it may be meant (a group that keeps a server
 *                together), and a server that does not start is no better for those who wait for their files
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

/** What is found by somebody who comes upon the mark. */
const MARK_TEXT = "This folder is the spool of a filespool server. Without this file, it has to be named: --spool\n";

/** Nothing, where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // who uses it says what is wrong with it
  }
}

/** @throws UsageError for a folder that nobody named, and that is not known to be a spool of ours */
export function checkSpool(settings: Settings): void {
  const { spool } = settings.values;
  const names = namesIn(spool);
  if (isGiven(settings, "spool") || names.length === 0 || names.includes(SPOOL_MARK)) return;
  throw new UsageError(
    `there is a folder ${spool} already, and it may be one that somebody has sent: if it is your spool, ` +
      `name it once: --spool ${spool}`,
  );
}

/** Marks a spool folder that is there. Where that cannot be done it has to be named the next time, and that is all. */
export async function markSpool(folder: string): Promise<void> {
  const names = namesIn(folder);
  if (names.length === 0 || names.includes(SPOOL_MARK)) return;
  await writeWhole(join(folder, SPOOL_MARK), MARK_TEXT, 0o644).catch(() => {});
}

/** What is believed without a further look, with what a sentence calls it. */
const BELIEVED = [
  [".", "the spool folder"],
  ["tokens.json", "the tokens"],
  ["index.mdb", "the index of the spool"],
  ["tls", "the folder of the certificate"],
  ["tls/cert.pem", "the certificate"],
  ["tls/key.pem", "the key of the certificate"],
] as const;

/** Says what of a spool others may write: a sentence for each. */
export async function warnOfOpenSpool(folder: string, report: Pick<Report, "complain">): Promise<void> {
  for (const [name, what] of BELIEVED) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    const why = found && whyNotOurs(path, found, line`${what} ${path}`);
    if (why) report.complain(`${why} (who writes there can let anybody in, and change what waits)`);
  }
}
