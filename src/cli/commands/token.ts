/**
 * `filespool token` and `filespool invite`: decide on the machine of a server who may use it.
 *
 * Both work on the spool folder and not over the network: a user who may write there has every right already. A running server
 * notices a change within a second. A token is printed once. It is alone on stdout, so it can be piped:
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

/** The actions of `filespool token`. */
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
  if (more.length > 0) throw new UsageError(`token ${action} takes at most one id`);
  checkSpool(settings);
  const file = tokensFile(settings.values);
  switch (action) {
    // --queue has no default here: nobody notices a right that was given by mistake.
    case "create": {
      if (id !== undefined) throw new UsageError("token create takes no id, because it makes one");
      if (!isGiven(settings, "queue"))
        throw new UsageError(
          'token create needs --queue: the name of a queue, a pattern such as "photos-*", or "*" for all queues',
        );
      checkSeen(stdout);
      const made = await createToken(file, wishOf(settings), nowMs());
      await markSpool(settings.values.spool);
      report.result({ event: "token", ...facts(made.record), token: made.token }, made.token);
      await seen(stdout, file, made.token);
      report.aside(line`The token is shown only now. Its id is ${made.record.id}: ${described(made.record)}.`);
      return EXIT.done;
    }
    case "list":
      if (id !== undefined) throw new UsageError("token list takes no id, because it lists all tokens");
      return await list(settings, report);
    // The id stays, so the new secret has the same rights and name.
    case "rotate": {
      const { grace } = settings.values;
      const known = needed(action, id);
      checkSeen(stdout);
      const before = readTokens(file).find((record) => record.id === known);
      if (before === undefined) return unknown(known, file, report);
      const fresh = await rotateToken(file, known, grace, nowMs());
      if (fresh === null) return unknown(known, file, report);
      report.result({ event: "token", id: known, token: fresh }, fresh);
      await seen(stdout, file, fresh, before);
      const until =
        grace > 0
          ? `The old one stays valid for ${exactDuration(grace)}.`
          : "The old one is no longer valid; --grace would keep it valid for a time.";
      report.aside(`The new secret is shown only now. ${until}`);
      return EXIT.done;
    }
    default: {
      // Only the id is printed: if the person gave the whole token, it must not get on the screen or into a log.
      const known = needed("revoke", id);
      // Checked first, because the change makes the folder, which would then look like a received one.
      const isKnown = readTokens(file).some((record) => record.id === known);
      if (!isKnown || !(await revokeToken(file, known))) return unknown(known, file, report);
      report.result(
        { event: "revoked", id: known },
        line`Token ${known} is revoked. The server closes its connections within two seconds.`,
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
  if (!isQueueName(queue))
    throw new UsageError(`an invite is for one queue, and "${queue}" is not the name of a queue`);
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
    line`Anybody who has this string may ${record.rights.join(" and ")}. Its token is ${record.id}: ${described(record)}.`,
  );
  const use = record.rights.includes("send") ? "send FILE" : record.rights.includes("collect") ? "receive" : "list";
  report.aside(
    line`To use it: FILESPOOL_INVITE='...' filespool ${use}. To revoke it: filespool token revoke ${record.id}.`,
  );
  if (isLoopback(host))
    report.warn(`the invite names ${host}, so it works only on this machine; --host names the address for others`);
  report.aside("The invite works only if the server runs with --tls.");
  return EXIT.done;
}

/**
 * A secret is shown once. If nobody would see it, none is made.
 * @throws OutputError
 */
function checkSeen(stdout: Outlet): void {
  if (stdout.isNull)
    throw new OutputError("standard output is closed or is /dev/null, so nobody would see the token; none was made");
}

/**
 * Waits until a secret is written. If that fails, nobody has seen it, and the token is removed again.
 * @param before the record that `token rotate` has replaced; it is restored then
 * @throws OutputError, which names the token if the removal fails, too
 */
async function seen(stdout: Outlet, file: string, token: string, before?: TokenRecord): Promise<void> {
  await stdout.settled();
  if (stdout.failure === null) return;
  stdout.isTold = true;
  const why = `the token could not be written to standard output: ${stdout.failure.why}`;
  try {
    await takeBackToken(file, token, before);
  } catch (error) {
    const how = `revoke it: filespool token revoke ${tokenId(token)}`;
    throw new OutputError(`${why}; it could not be removed either (${(error as Error).message}); ${how}`);
  }
  throw new OutputError(`${why}; ${before ? "the old token is valid again" : "it was removed"}`);
}

/**
 * The settings in the form of net/extensions/trust/tokens.ts. "photos, team-*" is two patterns. Durations become points in time,
 * because a token ends at a date, however long a server has run.
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

/** The right to manage queues is for the operator of the server, so it is given only on request. */
const DEFAULT_RIGHTS: readonly Right[] = RIGHTS.filter((right) => right !== "manage");

/**
 * `token list`. It cannot show secrets, because only hashes are kept. It does show expired tokens: people often use the list
 * to find out why somebody is no longer let in.
 */
async function list(settings: Settings, report: Report): Promise<number> {
  const { values } = settings;
  const records = readTokens(tokensFile(values));
  for (const record of records)
    report.result({ event: "token", ...facts(record) }, line`${record.id}  ${described(record)}`);
  // Shows the certificate only if there is one already; a list does not make one.
  const identity = await identityOf({ ...values, tls: hasOwnIdentity(values) });
  const certificate = identity && fingerprintOf(identity.cert);
  if (certificate) report.aside(line`certificate ${certificate}`);
  report.done({ tokens: records.length }, `${counted(records.length, "token")}.`);
  return EXIT.done;
}

/** The public part of a token: everything but its hashes. */
const facts = ({ id, name, queues, rights, createdAtMs, expiresAtMs }: TokenRecord) => ({
  ...{ id, name, queues, rights, createdAtMs, expiresAtMs },
});

/** A token as a part of a sentence: its rights, its queues, its name and its end. */
function described(record: TokenRecord): string {
  const { name, queues, rights, expiresAtMs } = record;
  const isOver = isExpired(record, nowMs());
  const until =
    expiresAtMs === null ? "" : `, ${isOver ? "expired" : "expires"} ${new Date(expiresAtMs).toISOString()}`;
  return `${rights.join(", ")} in ${queues.join(", ")}${name && `, for ${name}`}${until}`;
}

/** The id for an action. @throws UsageError when it is missing */
function needed(action: string, id: string | undefined): string {
  if (id === undefined)
    throw new UsageError(`token ${action} needs the id of a token; filespool token list shows them`);
  // A person may also give the whole token, because the id is in it.
  return /^fst_([0-9a-f]{8})_/.exec(id)?.[1] ?? id;
}

/**
 * Names the file as well: the most common mistake is the id of another server.
 * @returns the exit code
 */
function unknown(id: string, file: string, report: Report): number {
  return report.fail(new UsageError(line`there is no token ${id} in ${file}; filespool token list shows the ids`));
}
