/**
 * What a server asks of who comes to it: a token, or encryption, put to the person as a question.
 *
 * Whether a server wants either is known to the server alone, so nobody is asked beforehand. The command is begun as it
 * is; when the server turns it away at the door, the person is asked for what is missing, and it is begun again:
 *
 *   the server encrypts          said, and tried again with TLS: an authority may know the certificate
 *   its certificate is unknown   Invite, or the fingerprint of its certificate?
 *   it asks for a token          Token or invite?     and, where everybody on the way could read it, first: send it all the same?
 *
 * Only what nobody has said is asked for. A token or a fingerprint that came from a flag, a variable, a file or an invite
 * and is refused is a mistake in that place; and a certificate that is not the pinned one is a reason to stop.
 *
 * At the door only: after the server has let this run in, part of the work is done, and it is not begun again. Why:
 * adr/0052.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { Task } from "../command.ts";
import type { Prompter } from "../prompter.ts";
import { address } from "../report/event-text.ts";
import type { Report } from "../report/report.ts";
import { type Settings, withAnswer } from "../settings/origins.ts";
import type { SettingName } from "../settings/settings.ts";
import { valueTypeOf } from "../settings/settings.ts";
import { filledBy, isEncrypted, isInvite, isInvited, isOpenRoad, problemOf } from "./client.ts";

/**
 * What to begin again with, after asking for what the server missed.
 * @returns null when the error is about something else, or about what somebody has said elsewhere
 */
export async function admitted(error: unknown, task: Task, prompter: Prompter, report: Report): Promise<Task | null> {
  if (!(error instanceof FilespoolError)) return null;
  const { settings } = task;
  const { values } = settings;
  const again = (next: Settings): Task => ({ ...task, settings: next });
  const server = address(values.host, values.port);
  if (error.code === "tls-failed" && !isEncrypted(values)) {
    report.complain(`${server} encrypts; trying again with TLS`);
    return again(withAnswer(settings, "tls", true));
  }
  if (error.code === "certificate-refused" && isOpen(settings, "fingerprint", "tls-ca")) {
    report.complain(error.message);
    return again(await askTrust(task, prompter));
  }
  if (error.code === "token-refused" && isOpen(settings, "token", "token-file")) {
    report.complain(`${server}: ${error.message}`);
    const risk = `A token would cross the network to ${server} unencrypted, for everybody to read. Send it all the same?`;
    if (!isOpenRoad(values)) return again(await askToken(settings, prompter));
    if (await prompter.confirm(risk)) return again(await askToken(withAnswer(settings, "insecure", true), prompter));
  }
  return null;
}

/** Whether nobody has said these, but at a question. */
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
