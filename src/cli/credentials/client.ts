/**
 * The token that a client shows, and the certificate that it trusts: from settings and invites to options of the library.
 *
 * Every user of a machine can read argument lists, and shells write them down. So a token or an invite comes from a variable,
 * a file or a question, and never from a flag:
 *
 *   FILESPOOL_TOKEN, --token-file    a token                       --ask-token    a question with a hidden answer
 *   FILESPOOL_INVITE, --invite-file  an invite, with all it says   filespool://   in place of a file to send: convenient, with
 *                                                                                 a warning that others can read it
 *
 * An invite holds host, port, queue, token and certificate, which belong together. Its token must not go to another host that
 * an old variable names, and an old token must not go to the host of the invite. So an invite beats everything but a flag
 * of this run, and if a flag changes the address, the token of the invite is not used. A token never crosses a network
 * unencrypted: if a person forgets --tls, others could have read the token before the server refuses.
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
 * Whether a word is an invite and not the path of a file. A file whose name begins like an invite can be sent as
 * ./filespool://...
 */
export const isInvite = (word: string): boolean => word.startsWith(INVITE_SCHEME);

/**
 * Fills in the settings of an invite, and with --ask-token asks for a token.
 * @param prompter null when no question can be asked
 * @throws UsageError for an invalid invite; FilespoolError file-unreadable
 */
export async function withInvite(task: Task, prompter: Prompter | null, report: Report): Promise<Task> {
  const typed = task.operands.filter(isInvite);
  let { settings } = task;
  const operands = task.operands.filter((word) => !isInvite(word));
  if (typed.length > 1) throw new UsageError("more than one invite was given; a run has one server and one queue");
  if (typed.length === 1) {
    report.warn(
      "other users of this machine can read an invite on the command line while the program runs; use --invite-file",
    );
  }
  await warnOfOpenFiles(settings, report);
  const secret = typed[0] ?? (await secretOf(settings, "invite", "invite-file"));
  if (settings.values["ask-token"]) {
    if (prompter === null)
      throw new UsageError("--ask-token needs a terminal; use FILESPOOL_TOKEN or --token-file instead");
    const answer = await prompter.secret("Token or invite?", (answer) => problemOf(answer, "a token or an invite"));
    if (isInvite(answer)) return { settings: filledBy(answer, settings, "answer"), operands };
    settings = withAnswer(settings, "token", answer);
  }
  if (secret !== undefined) settings = filledBy(secret, settings, "variable");
  return settings === task.settings && typed.length === 0 ? task : { settings, operands };
}

/** What is wrong with an answer that should be one word or an invite. @param what the question asks for, with an article */
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

/** Whether the value of a setting comes from an invite. */
export const isInvited = (settings: Settings, name: SettingName): boolean => settings.origins[name].label === INVITE;

/**
 * The settings with the values of an invite; flags stay as they are. Host and port come first: if a flag names another
 * server, the secrets of the invite are not used.
 * @param kind "answer" if the invite is the answer to a question
 * @throws UsageError for an invalid invite
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
    // The invite's certificate belongs to another server, and the program must not drop encryption by itself.
    if (tls && isOpenRoad(settings.values)) throw new UsageError(leadsAway(invite, settings));
    return settings;
  }
  // Also if the invite has no token: another token belongs to another server.
  fill("token", token);
  fill("token-file", undefined);
  if (tls) fill("tls", true);
  if (tls?.fingerprints) fill("fingerprint", tls.fingerprints);
  return settings;
}

/** Why a flag for another address contradicts an invite that encrypts. */
function leadsAway(invite: { readonly host: string; readonly port: number }, { values }: Settings): string {
  const [there, here] = [address(invite.host, invite.port), address(values.host, values.port)];
  return (
    `the invite is for ${there}, but an option names ${here}, whose certificate the invite does not hold: leave out the ` +
    "option or the invite, add --fingerprint or --tls-ca, or add --insecure to send unencrypted"
  );
}

/**
 * Warns of each file with a secret that others can read. It is only a warning: others may know the secret already, and a
 * refusal would not change that.
 */
async function warnOfOpenFiles({ values, origins }: Settings, report: Report): Promise<void> {
  const files = [values["token-file"], values["invite-file"], origins.token.path, origins.invite.path];
  for (const file of new Set(files)) if (file !== undefined) await warnIfOpen(file, report);
}

/**
 * Warns if others can read or write a file that holds a secret. A person who can write it decides which secret is used, or
 * where it goes. A missing file is an error of the code that reads it.
 */
export async function warnIfOpen(file: string, report: Report): Promise<void> {
  const mode = await stat(file).then(
    (found) => found.mode,
    () => 0,
  );
  if (process.platform === "win32") return;
  const hasWriters = (mode & 0o022) !== 0;
  const what = `the secret in ${file}; to fix it: chmod go= ${file}`;
  if ((mode & 0o004) !== 0)
    report.warn(`every user of this machine can read${hasWriters ? ", and others can write," : ""} ${what}`);
  else if (hasWriters) report.warn(`others can write ${what}`);
}

/** The value of a setting, or the content of the file that another setting names, without its line end. */
async function secretOf(
  { values, origins }: Settings,
  name: "token" | "invite",
  fileName: "token-file" | "invite-file",
): Promise<string | undefined> {
  const file = values[fileName];
  if (file === undefined) return values[name];
  const secret = (await readText(file, `the file of --${fileName},`)).trim();
  if (secret === "" || /\s/.test(secret))
    throw new UsageError(`${origins[fileName].label}: ${file} must hold one ${name} and nothing else`);
  return secret;
}

/** @throws FilespoolError file-unreadable */
export async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new FilespoolError("file-unreadable", `cannot read ${what} ${file}: ${describe(error)}`, { cause: error });
  }
}

/** The longest token that the protocol allows. Ours have 56 characters; those of another gate may be longer. */
const TOKEN_CHARS_MAX = 200;

/** Whether this end encrypts. A fingerprint or an authority has no use without encryption, so each of them implies it. */
export const isEncrypted = ({ tls, fingerprint, "tls-ca": ca }: Values): boolean =>
  tls || fingerprint !== undefined || ca !== undefined;

/** Whether others could read a token on its way to this host. */
export const isOpenRoad = (values: Values): boolean =>
  !isEncrypted(values) && !values.insecure && !isLoopback(values.host);

/**
 * Address, token and encryption: the options of the library that all clients and operators share.
 * @throws UsageError for a token that must not be sent; FilespoolError file-unreadable
 */
export async function connectionOf(
  settings: Settings,
): Promise<Pick<ClientOptions, "host" | "port" | "token" | "tls" | "connectTimeoutMs">> {
  const { host, port, fingerprint } = settings.values;
  const caFile = settings.values["tls-ca"];
  const token = await secretOf(settings, "token", "token-file");
  const ca = caFile === undefined ? {} : { ca: await readText(caFile, "the certificates of --tls-ca,") };
  if (token !== undefined && isOpenRoad(settings.values)) {
    throw new UsageError(
      `the token would go to ${host} unencrypted, and others could read it: add --tls or --fingerprint, use an invite, or ` +
        "add --insecure to accept that",
    );
  }
  if (token !== undefined && token.length > TOKEN_CHARS_MAX)
    throw new UsageError(`a token has at most ${TOKEN_CHARS_MAX} characters; this one has ${token.length}`);
  return {
    ...{ host, port, connectTimeoutMs: settings.values["connect-timeout"] },
    ...(token !== undefined && { token }),
    ...(isEncrypted(settings.values) && { tls: { ...ca, ...(fingerprint && { fingerprints: fingerprint }) } }),
  };
}
