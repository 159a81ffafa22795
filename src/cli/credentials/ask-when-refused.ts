/**
 * Asks the person for a token or for encryption, when the server demands it.
 *
 * Only the server knows whether it wants either, so no question comes first. The command starts without. When the server
 * refuses the connection, the person is asked for what is missing, and the command starts again:
 *
 *   the server encrypts          no question: the command tries again with TLS, as an authority may know the certificate
 *   its certificate is unknown   Invite, or the fingerprint of its certificate?
 *   it asks for a token          Token or invite?     over an unencrypted network, first: Send it anyway?
 *
 * Only missing values are asked for. If a token or fingerprint from a flag, a variable, a file or an invite is refused, the
 * mistake is there. If a certificate is not the pinned one, the run must stop.
 *
 * Only before the server has let this run in. After that, a part of the work is done, and the command must not start again.
 * Why: adr/0052.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { Task } from "../command.ts";
import type { Prompter } from "../prompter.ts";
import { line } from "../report/escape.ts";
import { address } from "../report/event-text.ts";
import type { Report } from "../report/report.ts";
import { type Settings, withAnswer } from "../settings/origins.ts";
import type { SettingName } from "../settings/settings.ts";
import { valueTypeOf } from "../settings/settings.ts";
import { filledBy, isEncrypted, isInvite, isInvited, isOpenRoad, problemOf } from "./client.ts";

/**
 * The task with which to start again, after the questions.
 * @returns null when the error is about something else, or about a value that somebody has given
 */
export async function admitted(error: unknown, task: Task, prompter: Prompter, report: Report): Promise<Task | null> {
  if (!(error instanceof FilespoolError)) return null;
  const { settings } = task;
  const { values } = settings;
  const again = (next: Settings): Task => ({ ...task, settings: next });
  const server = address(values.host, values.port);
  if (error.code === "tls-failed" && !isEncrypted(values)) {
    report.aside(`${server} encrypts; trying again with TLS`);
    return again(withAnswer(settings, "tls", true));
  }
  if (error.code === "certificate-refused" && isOpen(settings, "fingerprint", "tls-ca")) {
    report.warn(error.message);
    return again(await askTrust(task, prompter));
  }
  if (error.code === "token-refused" && isOpen(settings, "token", "token-file")) {
    report.aside(line`${server}: ${error.message}`);
    const risk = `The token would go to ${server} unencrypted, and others on the network could read it. Send it anyway?`;
    if (!isOpenRoad(values)) return again(await askToken(settings, prompter));
    if (await prompter.confirm(risk)) return again(await askToken(withAnswer(settings, "insecure", true), prompter));
  }
  return null;
}

/** Whether these settings have no value, or only one from a question. */
const isOpen = (settings: Settings, ...names: SettingName[]): boolean =>
  names.every((name) => ["default", "answer"].includes(settings.origins[name].kind) && !isInvited(settings, name));

async function askToken(settings: Settings, prompter: Prompter): Promise<Settings> {
  const answer = await prompter.secret("Token or invite?", (answer) => problemOf(answer, "a token or an invite"));
  return isInvite(answer) ? filledBy(answer, settings, "answer") : withAnswer(settings, "token", answer);
}

async function askTrust({ settings }: Task, prompter: Prompter): Promise<Settings> {
  const { parse, accepts } = valueTypeOf("fingerprint", "send");
  const check = (answer: string) => {
    if (isInvite(answer)) return problemOf(answer, "an invite");
    return parse(answer) === null ? `Please give an invite, or the ${accepts}.` : undefined;
  };
  const answer = await prompter.secret("Invite, or the fingerprint of its certificate?", check);
  if (isInvite(answer)) return filledBy(answer, settings, "answer");
  return withAnswer(settings, "fingerprint", parse(answer) as readonly string[]);
}
