/**
 * Invites: one string that says where to go, what for, with which right and whom to trust.
 *
 *   filespool://files.example.org:5011/photos#token=fst_...&cert=<64 hexadecimal digits>
 *
 *   host, port   of the server; the port may be left out (5011)
 *   path         the queue, percent-encoded
 *   token        the right to use it
 *   cert         the fingerprint of the server's certificate; "ca" for one that an authority signed
 *
 * Everything secret is behind the "#", which programs that take an address for a web page do not
 * send anywhere. All the same, a person who has the string has the right. It belongs in a message
 * to one person, and not in an argument list, which every user of a machine can read. Unknown
 * fields are ignored, so that a newer program may add some. Never here: what a token may do
 * (tokens.ts).
 */
import { isQueueName } from "../../../protocol/messages.ts";
import { DEFAULTS, type TlsTrust } from "../../options.ts";

/** An invite, taken apart. Absent `tls`: the server does not encrypt. */
export interface Invite {
  readonly host: string;
  readonly port: number;
  readonly queue: string;
  readonly token?: string;
  readonly tls?: TlsTrust;
}

/** How every invite begins. */
export const INVITE_SCHEME = "filespool://";

/** The string for an invite. */
export function formatInvite({ host, port, queue, token, tls }: Invite): string {
  const secrets = new URLSearchParams();
  if (token !== undefined) secrets.set("token", token);
  if (tls) secrets.set("cert", tls.fingerprints?.join(",") ?? "ca");
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}/${encodeURIComponent(queue)}`;
  return `${INVITE_SCHEME}${place}${secrets.size > 0 ? `#${secrets}` : ""}`;
}

/**
 * Reads an invite.
 * @throws TypeError with a sentence that says what is wrong, and never repeats the secret
 */
export function parseInvite(text: string): Invite {
  const wrong = (why: string) => new TypeError(`this is not a valid invite: ${why}`);
  if (!text.startsWith(INVITE_SCHEME)) throw wrong(`it does not begin with ${INVITE_SCHEME}`);
  let url: URL;
  let queue: string;
  try {
    url = new URL(text.trim());
    queue = decodeURIComponent(url.pathname.slice(1)) || DEFAULTS.queue;
  } catch {
    throw wrong("its host, port or queue cannot be read; was it cut off?");
  }
  if (url.username || url.password || url.search) throw wrong("it has parts that do not belong there");
  if (!url.hostname) throw wrong("it names no host");
  if (!isQueueName(queue)) throw wrong("it names no queue that may exist");
  const fields = new URLSearchParams(url.hash.slice(1));
  const token = fields.get("token");
  // Half an invite must not do half of what the whole one asks for, such as going there without
  // encryption. An unknown field is ignored, but one of ours without a value means that the end is
  // missing.
  if (/&$|[#&](to?|toke?|token|ce?|cert?)$/.test(text.trim())) throw wrong("the end of it is cut off");
  if (token !== null && /^fst_(?![0-9a-f]{8}_[\w-]{43}$)/.test(token)) throw wrong("its token is cut off");
  const cert = fields.get("cert")?.toLowerCase();
  const fingerprints = cert?.split(",") ?? [];
  if (cert !== undefined && cert !== "ca" && !fingerprints.every(isFingerprint))
    throw wrong("its certificate is cut off");
  const port = url.port === "" ? DEFAULTS.port : Number(url.port);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    queue,
    ...(token !== null && { token }),
    ...(cert !== undefined && { tls: cert === "ca" ? {} : { fingerprints } }),
  };
}

/** Whether a text is the SHA-256 of a certificate, as we write it. */
export const isFingerprint = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);
