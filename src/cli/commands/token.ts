/**
 * `filespool token` and `filespool invite`: who may use a server, decided on its own machine.
 *
 * Both work on the spool folder, not over the network: whoever may write there has every right already. A server that runs notices
 * within a second. A token is printed once, on stdout and nothing else there, so that it can be piped to where it is needed:
 *
 *   filespool token create --queue photos --rights send --for alice > alice.token
 *   filespool invite --queue photos --host files.example.org | mail -s "your upload" alice@example.org
 *
 * Never here: what a token is (net/extensions/trust/tokens.ts), and what an invite looks like (net/extensions/trust/invite.ts).
 */
import { formatInvite } from "../../net/extensions/trust/invite.ts";
import { fingerprintOf } from "../../net/extensions/trust/tls.ts";
import {
  createToken,
  isExpired,
  readTokens,
  revokeToken,
  rotateToken,
  type TokenRecord,
  takeBackToken,
  tokenId,
} from "../../net/extensions/trust/tokens.ts";
import { isLoopback, RIGHTS, type Right } from "../../net/server/access.ts";
import { isQueueName } from "../../protocol/messages.ts";
import { checkSpool, markSpool } from "../credentials/own-spool.ts";
import { hasOwnIdentity, identityOf, tokensFile } from "../credentials/server.ts";
import { EXIT, OutputError, UsageError } from "../exit-codes.ts";
import { counted, line } from "../report/escape.ts";
import type { Outlet } from "../report/outlet.ts";
import type { Report } from "../report/report.ts";
import { isGiven, type Settings } from "../settings/origins.ts";
import { exactDuration } from "../settings/units.ts";

/** What `filespool token` can do. */
export const TOKEN_ACTIONS = ["create", "list", "rotate", "revoke"] as const;

/** Milliseconds since the epoch; the only place where the wall clock is read for tokens. */
const nowMs = (): number => Date.now();

/**
 * Carries out one action.
 * @param operands the action, and the id of a token for `rotate` and `revoke`
 * @returns the exit code
 * @throws UsageError, OutputError, FilespoolError file-unreadable, folder-unusable
 */
export async function token(
  settings: Settings,
  operands: readonly string[],
  report: Report,
  stdout: Outlet,
): Promise<number> {
  const [action, id, ...more] = operands;
  if (more.length > 0) throw new UsageError(`token ${action} takes one id at most`);
  checkSpool(settings);
  const file = tokensFile(settings.values);
  switch (action) {
    // The queue is asked for by name and has no default here: a right that was given by oversight is not noticed.
    case "create": {
      if (id !== undefined) throw new UsageError("token create takes no id: it makes one");
      if (!isGiven(settings, "queue"))
        throw new UsageError('token create needs --queue: a name, "photos-*", or "*" for every queue');
      checkSeen(stdout);
      const made = await createToken(file, wishOf(settings), nowMs());
      await markSpool(settings.values.spool);
      report.result({ event: "token", ...facts(made.record), token: made.token }, made.token);
      await seen(stdout, file, made.token);
      report.aside(line`This is shown once. It is token ${made.record.id}: ${described(made.record)}.`);
      return EXIT.done;
    }
    case "list":
      if (id !== undefined) throw new UsageError("token list takes no id: it shows all");
      return await list(settings, report);
    // The id stays, so the new secret has the rights and the name of the old one, and lists need no change.
    case "rotate": {
      const { grace } = settings.values;
      const known = needed(action, id);
      checkSeen(stdout);
      const before = readTokens(file).find((record) => record.id === known);
      const fresh = await rotateToken(file, known, grace, nowMs());
      if (fresh === null) return unknown(known, file, report);
      report.result({ event: "token", id: known, token: fresh }, fresh);
      await seen(stdout, file, fresh, before);
      const until = grace > 0 ? `goes on for ${exactDuration(grace)}` : "has ended";
      report.aside(`This is shown once. The old one ${until}; --grace <duration> lets it go on for a while.`);
      return EXIT.done;
    }
    default: {
      // From here on by its id: who gave the whole token must not find it on the screen, or in a log.
      const known = needed("revoke", id);
      if (!(await revokeToken(file, known))) return unknown(known, file, report);
      report.result(
        { event: "revoked", id: known },
        line`Token ${known} is revoked; what it had opened is closed within a second or two.`,
      );
      return EXIT.done;
    }
  }
}

/**
 * Makes a token and prints it as an invite.
 * @returns the exit code
 * @throws UsageError, OutputError, FilespoolError file-unreadable, folder-unusable
 */
export async function invite(settings: Settings, report: Report, stdout: Outlet): Promise<number> {
  const { values } = settings;
  const { host, port, queue } = values;
  checkSeen(stdout);
  if (!isQueueName(queue)) throw new UsageError(`an invite is for one queue, and "${queue}" is not the name of one`);
  checkSpool(settings);
  const identity = await identityOf({ ...values, tls: true });
  const file = tokensFile(values);
  const { record, token } = await createToken(file, wishOf(settings), nowMs());
  await markSpool(values.spool);
  const tls = values.authority ? {} : { fingerprints: identity ? [fingerprintOf(identity.cert)] : [] };
  const address = formatInvite({ host, port, queue, token, tls });
  report.result({ event: "invite", ...facts(record), invite: address }, address);
  await seen(stdout, file, token);
  report.aside(
    line`Whoever has this string may ${record.rights.join(" and ")}. It is token ${record.id}: ${described(record)}.`,
  );
  report.aside(
    line`They run: FILESPOOL_INVITE='...' filespool send FILE. You end it: filespool token revoke ${record.id}.`,
  );
  if (isLoopback(host)) report.aside("It names this machine only; --host says how others reach it.");
  report.aside("The server has to run with --tls.");
  return EXIT.done;
}

/**
 * A secret is shown once. Where nobody would see it, none is made.
 * @throws OutputError
 */
function checkSeen(stdout: Outlet): void {
  if (stdout.isNull)
    throw new OutputError(
      "standard output is closed, or it is /dev/null: nobody would see the token, so none was made",
    );
}

/**
 * Waits until a secret is written. If it cannot be, nobody has it, and its right is taken back.
 * @param before what `token rotate` has replaced; it holds again then
 * @throws OutputError, which names the token if even that fails
 */
async function seen(stdout: Outlet, file: string, token: string, before?: TokenRecord): Promise<void> {
  await stdout.settled();
  if (stdout.failure === null) return;
  stdout.isTold = true;
  const why = `the token could not be written to standard output: ${stdout.failure.why}`;
  try {
    await takeBackToken(file, token, before);
  } catch (error) {
    const how = `end it with filespool token revoke ${tokenId(token)}`;
    throw new OutputError(`${why}; nor could it be taken back (${(error as Error).message}): ${how}`);
  }
  throw new OutputError(`${why}; ${before ? "the old one holds again" : "it was taken back"}`);
}

/**
 * Settings as what net/extensions/trust/tokens.ts makes a token of. "photos, team-*" is two patterns; durations become moments here,
 * because a token ends by the calendar and not by how long a server has run.
 */
function wishOf({ values }: Settings): Parameters<typeof createToken>[1] {
  const { queue, rights, for: name, expires } = values;
  return {
    name: name ?? "",
    queues: queue.split(",").map((pattern) => pattern.trim()),
    rights: rights ?? DEFAULT_RIGHTS,
    expiresAtMs: expires === undefined ? null : nowMs() + expires,
  };
}

/** Looking into queues and changing them is for whoever runs the server, unless that was said. */
const DEFAULT_RIGHTS: readonly Right[] = RIGHTS.filter((right) => right !== "manage");

/**
 * `token list`. Secrets cannot be shown, since only their hashes are kept; expired tokens are, because who asks often
 * wonders why somebody is no longer let in.
 */
async function list(settings: Settings, report: Report): Promise<number> {
  const { values } = settings;
  const records = readTokens(tokensFile(values));
  for (const record of records)
    report.result({ event: "token", ...facts(record) }, line`${record.id}  ${described(record)}`);
  // That of the server, when there is one already: a look at the tokens makes none.
  const identity = await identityOf({ ...values, tls: hasOwnIdentity(values) });
  const certificate = identity && fingerprintOf(identity.cert);
  if (certificate) report.aside(line`certificate ${certificate}`);
  report.done({ tokens: records.length }, `${counted(records.length, "token")}.`);
  return EXIT.done;
}

/** What may be told of a token: all but its hashes. */
const facts = ({ id, name, queues, rights, createdAtMs, expiresAtMs }: TokenRecord) => ({
  ...{ id, name, queues, rights, createdAtMs, expiresAtMs },
});

/** One token as part of a sentence: what it may do, where, whose it is and until when. */
function described(record: TokenRecord): string {
  const { name, queues, rights, expiresAtMs } = record;
  const isOver = isExpired(record, nowMs());
  const until =
    expiresAtMs === null ? "" : `, ${isOver ? "expired" : "expires"} ${new Date(expiresAtMs).toISOString()}`;
  return `${rights.join(", ")} in ${queues.join(", ")}${name && `, for ${name}`}${until}`;
}

/** The id that an action is about. @throws UsageError when there is none */
function needed(action: string, id: string | undefined): string {
  if (id === undefined)
    throw new UsageError(`token ${action} needs the id of a token; filespool token list shows them`);
  // Whoever has only the token at hand may give that; its id is in it. It is an odd thing to type, and no reason to fail.
  return /^fst_([0-9a-f]{8})_/.exec(id)?.[1] ?? id;
}

/**
 * The file is named as well: most often it is the right id in the folder of another server.
 * @returns the exit code
 */
function unknown(id: string, file: string, report: Report): number {
  return report.fail(new UsageError(line`there is no token ${id} in ${file}`));
}
