/**
 * The settings of encryption and of rights, at both ends: rows of the table in settings.ts.
 *
 * A secret (`token`, `invite`) is a variable or a key of a config file, and never a flag; for the command line there is the name of
 * a file that holds it. What they do: credentials/client.ts for who connects, credentials/server.ts for who serves. Why: adr/0037.
 */
import { isFingerprint } from "../../net/extensions/trust/invite.ts";
import { RIGHTS, type Right } from "../../net/server/access.ts";
import { commandsOf } from "./command-names.ts";
import { optional, setting } from "./setting.ts";
import { duration, list, text, toggle } from "./value-types.ts";

// The forms of what is about trust, in the words of those who check it (net/server/access.ts, net/extensions/trust/tls.ts).
const isOneWord = (word: string): boolean => !/\s/.test(word) && word.length <= 4000;
const readRight = (word: string): Right | null => RIGHTS.find((right) => right === word.toLowerCase()) ?? null;
/** Colons, capitals and a "sha256:" in front are how other programs write it. */
const readFingerprint = (text: string): string | null => {
  const digits = text
    .toLowerCase()
    .replace(/^sha-?256:/, "")
    .replaceAll(":", "");
  return isFingerprint(digits) ? digits : null;
};

// Who comes to a server shows a token and checks a certificate; who serves has the certificate. Encryption itself is
// a matter of both.
const CONNECTING = commandsOf("client", "operator");
const NETWORKED = commandsOf("server", "client", "operator");

// Milliseconds.
const SECOND = 1_000;
// Ten years, the longest time that a setting can have: what is longer is a typing mistake, or "never".
const YEARS = 3_650 * 86_400 * SECOND;

export const TRUST_SETTINGS = {
  // An invite says all of it in one string.
  tls: setting(toggle, {
    fallback: false,
    on: NETWORKED,
    help: "encrypt; serve makes a certificate on first use, others check the server's",
  }),
  // Also for token and invite: they print the fingerprint, which has to be that of the certificate that serve will
  // show.
  "tls-cert": optional(text("file", "the path of a file"), {
    on: ["serve", "token", "invite"],
    help: "certificate (PEM) of the server; implies --tls",
    unset: "made on first use, kept in the spool folder",
  }),
  // A file and never the key itself: neither variables nor config files are kept as carefully as a key has to be.
  "tls-key": optional(text("file", "the path of a file"), {
    on: ["serve", "token", "invite"],
    help: "private key (PEM) of that certificate",
    unset: "made together with the certificate",
  }),
  // By itself once there is one: whoever has made a token expects that without one nobody gets in.
  tokens: setting(toggle, {
    fallback: false,
    on: ["serve"],
    help: "let in only who has a token; on by itself once there is one",
  }),
  // Instead of the machine's own authorities and not beside them: a company's server should not be trusted because
  // some public authority has signed for its name.
  "tls-ca": optional(text("file", "the path of a file"), {
    on: CONNECTING,
    help: "trust servers whose certificate these authorities (PEM) have signed; implies --tls",
    unset: "the authorities of this machine",
  }),
  // Several, so that a certificate can be replaced: first every client trusts both, then the server changes over.
  fingerprint: optional(list("sha256", "SHA-256 of a certificate: 64 hexadecimal digits", readFingerprint), {
    on: CONNECTING,
    help: "trust the server with this certificate and no other; implies --tls",
    unset: "any that an authority has signed",
  }),
  // Any word will do and not only ours: another gate may stand before the server, with tokens of its own form.
  token: optional(text("token", "a token, which is one word", isOneWord), {
    on: CONNECTING,
    help: "token that gives the right to use the queue",
    unset: "none",
    secret: true,
  }),
  "token-file": optional(text("file", "the path of a file"), {
    on: CONNECTING,
    help: "file that holds the token (or set FILESPOOL_TOKEN)",
    unset: "none",
  }),
  invite: optional(text("invite", "an invite, which begins with filespool://", isOneWord), {
    on: CONNECTING,
    help: "invite that says host, port, queue, token and certificate",
    unset: "none",
    secret: true,
  }),
  "invite-file": optional(text("file", "the path of a file"), {
    on: CONNECTING,
    help: "file that holds an invite (or set FILESPOOL_INVITE)",
    unset: "none",
  }),
  // For a machine on which neither a variable nor a file is wanted; the answer is not shown, and is kept nowhere.
  "ask-token": setting(toggle, { fallback: false, on: CONNECTING, help: "ask for a token or an invite, unseen" }),

  // token, invite: what is given away, and for how long.
  rights: optional(list("rights", "send, collect and manage, with commas between them", readRight), {
    on: ["token", "invite"],
    help: "what the token is good for: send, collect, manage",
    unset: "send,collect",
  }),
  // For people only: no right depends on it, and two tokens may be for one person.
  for: optional(
    text("whom", "a name of up to 100 characters", (name) => name.length <= 100),
    {
      on: ["token", "invite"],
      help: "whose token it is, for the list",
      unset: "nobody in particular",
    },
  ),
  // Never by default: a token that ends by itself ends in the middle of somebody's night, and `token revoke` is at
  // hand.
  expires: optional(duration(SECOND, YEARS), {
    on: ["token", "invite"],
    help: "end the token after so long",
    unset: "never",
  }),
  // Nothing by default: who rotates because a secret has leaked wants it to end now. A planned change asks for the
  // time that it needs.
  grace: setting(duration(0, YEARS), {
    fallback: 0,
    on: ["token"],
    help: "rotate: let the old secret go on for so long",
  }),
  // An invite pins the certificate unless this is said, since a server that made its own has no authority to vouch
  // for it.
  authority: setting(toggle, {
    fallback: false,
    on: ["invite"],
    help: "do not pin the certificate: an authority that everybody trusts has signed it",
  }),
};
