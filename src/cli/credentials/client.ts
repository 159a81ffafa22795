/**
 * With which right a client comes, and whom it trusts: from settings and invites to options of the library.
 *
 * Secrets do not belong into argument lists, which every user of a machine can read, and which shells write down. So a token or
 * an invite has a variable, a file or a question, and no flag:
 *
 *   FILESPOOL_TOKEN, --token-file    a token                       --ask-token    a question, answered unseen
 *   FILESPOOL_INVITE, --invite-file  an invite, with all it says   filespool://   in place of a file to send: convenient, and a
 *                                                                                 trade that is said so when it is used
 *
 * An invite says host, port, queue, token and certificate, which belong together: a token must not go to another host because a
 * variable of old still names that, nor a token of old to a host that an invite names. So it beats everything but a flag that
 * is typed for this one run, and one that changes the address leaves the token at home. And a token crosses no network in
 * the clear: whoever forgets --tls would have told it to everybody on the way by the time the server says no.
 */
import { readFile, stat } from "node:fs/promises";
import { describe } from "../../disk/system-errors.ts";
import { INVITE_SCHEME, parseInvite } from "../../net/extensions/trust/invite.ts";
import type { ClientOptions } from "../../net/options.ts";
import { isLoopback } from "../../net/server/access.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { Task } from "../command.ts";
import { UsageError } from "../exit-codes.ts";
import type { Prompter } from "../prompter.ts";
import { address } from "../report/event-text.ts";
import type { Report } from "../report/report.ts";
import { type Origin, type Settings, withAnswer, withOrigin } from "../settings/origins.ts";
import type { SettingName, Values } from "../settings/settings.ts";

/**
 * Whether a word is an invite, wherever it was found: told from the path of a file by how it begins. A file whose name
 * begins so can still be sent as ./filespool://...
 */
export const isInvite = (word: string): boolean => word.startsWith(INVITE_SCHEME);

/**
 * Fills in what an invite says, and asks for a token if that was wished for.
 * @param prompter null when nobody can be asked
 * @throws UsageError for what is no invite; FilespoolError file-unreadable
 */
export async function withInvite(task: Task, prompter: Prompter | null, report: Report): Promise<Task> {
  const typed = task.operands.filter(isInvite);
  let { settings } = task;
  const operands = task.operands.filter((word) => !isInvite(word));
  if (typed.length > 1) throw new UsageError("more than one invite; each run has one server and one queue");
  if (typed.length === 1) {
    report.complain(
      "an invite on the command line can be read by every user of this machine while it runs; see --invite-file",
    );
  }
  await warnOfOpenFiles(settings, report);
  const secret = typed[0] ?? (await secretOf(settings, "invite", "invite-file"));
  if (settings.values["ask-token"]) {
    if (prompter === null) throw new UsageError("--ask-token asks a question, and there is no terminal");
    const answer = await prompter.secret("Token or invite?", (answer) => problemOf(answer, "a token or an invite"));
    if (isInvite(answer)) return { settings: filledBy(answer, settings, "answer"), operands };
    settings = withAnswer(settings, "token", answer);
  }
  if (secret !== undefined) settings = filledBy(secret, settings, "variable");
  return settings === task.settings && typed.length === 0 ? task : { settings, operands };
}

/** What is wrong with an answer that should be one word, or an invite. @param what is asked for, with its article */
export function problemOf(answer: string, what: string): string | undefined {
  if (answer === "" || /\s/.test(answer)) return `Please give ${what}.`;
  try {
    if (isInvite(answer)) parseInvite(answer);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const INVITE = "the invite";

/** Whether an invite has said this, and not a flag beside it. */
export const isInvited = (settings: Settings, name: SettingName): boolean => settings.origins[name].label === INVITE;

/**
 * The settings with what an invite says, flags left as they are. Host and port first: if a flag has led elsewhere,
 * nothing that is secret follows.
 * @param kind whether somebody was asked for it
 * @throws UsageError for what is no invite
 */
export function filledBy(text: string, given: Settings, kind: "variable" | "answer"): Settings {
  let invite: ReturnType<typeof parseInvite>;
  try {
    invite = parseInvite(text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { host, port, queue, token, tls } = invite;
  let settings = given;
  const origin: Origin = { kind, label: INVITE };
  const fill = <K extends SettingName>(name: K, value: Values[K]) => {
    if (given.origins[name].kind !== "flag") settings = withOrigin(settings, name, value, origin);
  };
  fill("host", host);
  fill("port", port);
  fill("queue", queue);
  if (settings.values.host !== host || settings.values.port !== port) {
    // Its certificate is not one of that server, and to leave out encryption that was asked for is nobody's guess to make.
    if (tls && isOpenRoad(settings.values)) throw new UsageError(leadsAway(invite, settings));
    return settings;
  }
  // Also when it has none: a token that is lying about belongs to another server.
  fill("token", token);
  fill("token-file", undefined);
  if (tls) fill("tls", true);
  if (tls?.fingerprints) fill("fingerprint", tls.fingerprints);
  return settings;
}

/** Why a flag for another address cannot stand beside an invite that encrypts. */
function leadsAway(invite: { readonly host: string; readonly port: number }, { values }: Settings): string {
  const [there, here] = [address(invite.host, invite.port), address(values.host, values.port)];
  return (
    `the invite is for ${there} and says how to encrypt there, and a flag names ${here}: leave the flag out, or the invite; ` +
    "or say how to encrypt there (--fingerprint, --tls-ca), or --insecure to send in the clear"
  );
}

/**
 * Says of each file that a secret comes from whether others can read it as well. Before anything is sent, and as a
 * warning only: the secret is known to others already, and to refuse would not take it back.
 */
async function warnOfOpenFiles({ values, origins }: Settings, report: Report): Promise<void> {
  const files = [values["token-file"], values["invite-file"], origins.token.path, origins.invite.path];
  for (const file of new Set(files)) if (file !== undefined) await warnIfOpen(file, report);
}

/**
 * Of a file that holds a secret. Who can write there says where the secret goes, or whose it is; they need not read it.
 * A file that cannot be looked at is told of by whoever reads it.
 */
export async function warnIfOpen(file: string, report: Report): Promise<void> {
  const mode = await stat(file).then(
    (found) => found.mode,
    () => 0,
  );
  if (process.platform === "win32") return;
  const writers = (mode & 0o022) !== 0 ? ", and others may write to it" : "";
  if ((mode & 0o004) !== 0)
    report.complain(`every user of this machine can read the secret in ${file}${writers}; close it: chmod go= ${file}`);
  else if (writers !== "") report.complain(`others may write to the secret in ${file}; close it: chmod go= ${file}`);
}

/** The content of a setting, or of the file that another one names; its line end is no part of it. */
async function secretOf(
  { values, origins }: Settings,
  name: "token" | "invite",
  fileName: "token-file" | "invite-file",
): Promise<string | undefined> {
  const file = values[fileName];
  if (file === undefined) return values[name];
  const secret = (await readText(file, `the file of --${fileName}`)).trim();
  if (secret === "" || /\s/.test(secret))
    throw new UsageError(`${origins[fileName].label}: ${file} does not hold one ${name}`);
  return secret;
}

/** @throws FilespoolError file-unreadable */
export async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new FilespoolError("file-unreadable", `cannot read ${what}, ${file}: ${describe(error)}`, { cause: error });
  }
}

/** The longest token that a hello may carry; ours have 56 characters, those of another gate may be longer. */
const TOKEN_CHARS_MAX = 200;

/** Whether this end encrypts. A pin or an authority would be pointless without, so each of them asks for it. */
export const isEncrypted = ({ tls, fingerprint, "tls-ca": ca }: Values): boolean =>
  tls || fingerprint !== undefined || ca !== undefined;

/** Whether a token that goes to this host could be read on its way. */
export const isOpenRoad = (values: Values): boolean =>
  !isEncrypted(values) && !values.insecure && !isLoopback(values.host);

/**
 * How to reach the server, and with what: the part of the library's options that every client and operator has.
 * @throws UsageError for a token that must not be sent; FilespoolError file-unreadable
 */
export async function connectionOf(
  settings: Settings,
): Promise<Pick<ClientOptions, "host" | "port" | "token" | "tls" | "connectTimeoutMs">> {
  const { host, port, fingerprint } = settings.values;
  const caFile = settings.values["tls-ca"];
  const token = await secretOf(settings, "token", "token-file");
  const ca = caFile === undefined ? {} : { ca: await readText(caFile, "the certificates of --tls-ca") };
  if (token !== undefined && isOpenRoad(settings.values)) {
    throw new UsageError(
      `the token would cross the network to ${host} for everybody to read: add --tls or --fingerprint, or use an invite, ` +
        "or add --insecure if you mean it",
    );
  }
  if (token !== undefined && token.length > TOKEN_CHARS_MAX)
    throw new UsageError(`a token has at most ${TOKEN_CHARS_MAX} characters, and this one has ${token.length}`);
  return {
    ...{ host, port, connectTimeoutMs: settings.values["connect-timeout"] },
    ...(token !== undefined && { token }),
    ...(isEncrypted(settings.values) && { tls: { ...ca, ...(fingerprint && { fingerprints: fingerprint }) } }),
  };
}
