/**
 * The settings of encryption and of rights, at both ends: rows of the table in settings.ts.
 *
 * A secret (`token`, `invite`) is a variable or a key of a config file, never a flag. On the command line, a flag names a file
 * that holds the secret. What the settings do: credentials/client.ts and credentials/server.ts. Why: adr/0037.
 */
import { isFingerprint } from "../../net/extensions/trust/invite.ts";
import { RIGHTS, type Right } from "../../net/server/access.ts";
import { commandsOf } from "./command-names.ts";
import { optional, setting } from "./setting.ts";
import { duration, list, text, toggle } from "./value-types.ts";

// The parsers. net/server/access.ts and net/extensions/trust/tls.ts define what is valid.
const isOneWord = (word: string): boolean => !/\s/.test(word) && word.length <= 4000;
const readRight = (word: string): Right | null => RIGHTS.find((right) => right === word.toLowerCase()) ?? null;
/** Other programs write a fingerprint with colons, capitals or "sha256:" in front. */
const readFingerprint = (text: string): string | null => {
  const digits = text
    .toLowerCase()
    .replace(/^sha-?256:/, "")
    .replaceAll(":", "");
  return isFingerprint(digits) ? digits : null;
};

// A client or operator shows a token and checks the certificate. A server has the certificate. --tls is for both sides.
const CONNECTING = commandsOf("client", "operator");
const NETWORKED = commandsOf("server", "client", "operator");

// Milliseconds.
const SECOND = 1_000;
// Ten years, the longest time that a setting accepts. A longer one is a typing mistake, or means "never".
const YEARS = 3_650 * 86_400 * SECOND;

export const TRUST_SETTINGS = {
  // An invite says all of it in one string.
  tls: setting(toggle, {
    fallback: false,
    on: NETWORKED,
    help: "encrypt the connection, and check the server's certificate",
    helpOn: { serve: "encrypt all connections; makes a certificate on first use" },
  }),
  // Also for token and invite: they print the fingerprint of the certificate that the server will show.
  "tls-cert": optional(text("file", "the path of a file"), {
    on: ["serve", "token", "invite"],
    help: "certificate of the server (PEM); implies --tls",
    helpOn: {
      token: "certificate of the server (PEM), as for serve",
      invite: "certificate of the server (PEM), as for serve",
    },
    unset: "made on first use, in the spool folder",
  }),
  // A file, never the key itself: nobody guards variables and config files as carefully as a key.
  "tls-key": optional(text("file", "the path of a file"), {
    on: ["serve", "token", "invite"],
    help: "private key of that certificate (PEM)",
    unset: "made with the certificate",
  }),
  // On by itself once there is a token: a person who makes a token expects that nobody gets in without one.
  tokens: setting(toggle, {
    fallback: false,
    on: ["serve"],
    help: "let in only clients that have a token; on by itself once you have made a token",
  }),
  // These replace the authorities of the machine: a client of a company's server must not trust a certificate that
  // some public authority has signed for the same name.
  "tls-ca": optional(text("file", "the path of a file"), {
    on: CONNECTING,
    help: "trust only certificates that the authorities in this file (PEM) have signed; implies --tls",
    unset: "the authorities of this machine",
  }),
  // Several, so that a certificate can be replaced: first all clients trust both, then the server changes.
  fingerprint: optional(list("sha256", "SHA-256 of a certificate: 64 hexadecimal digits", readFingerprint), {
    on: CONNECTING,
    help: "trust only the certificate with this fingerprint; implies --tls",
    unset: "any certificate that an authority has signed",
  }),
  // Any word is valid, because another program may check tokens in front of the server, with a form of its own.
  token: optional(text("token", "a token, which is one word", isOneWord), {
    on: CONNECTING,
    help: "token that gives the right to use the queue",
    unset: "none",
    secret: true,
  }),
  "token-file": optional(text("file", "the path of a file"), {
    on: CONNECTING,
    help: "file that holds the token; or set FILESPOOL_TOKEN",
    unset: "none",
  }),
  invite: optional(text("invite", "an invite, which begins with filespool://", isOneWord), {
    on: CONNECTING,
    help: "invite, which holds host, port, queue, token and certificate",
    unset: "none",
    secret: true,
  }),
  "invite-file": optional(text("file", "the path of a file"), {
    on: CONNECTING,
    help: "file that holds an invite; or set FILESPOOL_INVITE",
    unset: "none",
  }),
  // For a machine where neither a variable nor a file should hold the secret. The answer is not shown or kept.
  "ask-token": setting(toggle, {
    fallback: false,
    on: CONNECTING,
    help: "ask for a token or an invite, without showing it",
  }),

  // token, invite: which rights are given, and for how long.
  rights: optional(list("rights", "send, collect or manage, separated by commas", readRight), {
    on: ["token", "invite"],
    help: "what the token permits: send, collect, manage",
    unset: "send,collect",
  }),
  // A note for people: no right depends on it, and one person may have two tokens.
  for: optional(
    text("whom", "a name of up to 100 characters", (name) => name.length <= 100),
    {
      on: ["token", "invite"],
      help: "name of the person or program, for token list",
      unset: "no name",
    },
  ),
  // Never by default: a token that expires does so in the middle of somebody's night, and `token revoke` ends one
  // at any time.
  expires: optional(duration(SECOND, YEARS), {
    on: ["token", "invite"],
    help: "the token expires after this long",
    unset: "never",
  }),
  // Zero by default: a secret that has leaked must end now. For a planned change, the person gives a time.
  grace: setting(duration(0, YEARS), {
    fallback: 0,
    on: ["token"],
    help: "for rotate: keep the old secret valid for this long",
  }),
  // Without this, an invite pins the certificate: no authority has signed the one that a server makes itself.
  authority: setting(toggle, {
    fallback: false,
    on: ["invite"],
    help: "do not pin the certificate, because a public authority has signed it",
  }),
};
