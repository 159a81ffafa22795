/**
 * What protects a server: its certificate, and who is let in. The server's counterpart of credentials/client.ts.
 *
 *   <spool>/tls/cert.pem, key.pem    made on first use, unless --tls-cert and --tls-key name others
 *   <spool>/tokens.json              hashes of tokens; `filespool token` changes it, a running server notices
 *
 * Where somebody has made tokens, they are asked for, also if --tokens was forgotten: nobody makes them in order to let
 * everybody in. Encryption is never guessed, since both ends have to know of it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TokenGate } from "../../net/extensions/trust/token-gate.ts";
import type { TlsIdentity } from "../../net/options.ts";
import type { Exposure } from "../../net/server/access.ts";
import type { FilespoolError } from "../../protocol/errors.ts";
import { UsageError } from "../exit-codes.ts";
import type { Values } from "../settings/settings.ts";
import { readText } from "./client.ts";

/** Where the tokens of a spool are. */
export const tokensFile = (values: Values): string => join(values.spool, "tokens.json");

/** Whether a server has made its certificate there. */
export const hasOwnIdentity = (values: Values): boolean => existsSync(join(values.spool, "tls", "cert.pem"));

/** What a server with these settings would have to protect it, for the question whether it may be reached. */
export function exposureOf(values: Values): Exposure {
  const { host, insecure } = values;
  return { host, insecure, hasTls: isEncrypted(values), hasGate: asksForTokens(values) };
}

const isEncrypted = (values: Values): boolean => values.tls || values["tls-cert"] !== undefined;
const asksForTokens = (values: Values): boolean => values.tokens || existsSync(tokensFile(values));

/**
 * The certificate and key of the server; null when it does not encrypt.
 * @throws UsageError when only one of the two is named; FilespoolError file-unreadable, folder-unusable
 */
export async function identityOf(values: Values): Promise<TlsIdentity | null> {
  const { "tls-cert": certFile, "tls-key": keyFile } = values;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new UsageError("a certificate needs its key, and a key its certificate: give both --tls-cert and --tls-key");
  if (!isEncrypted(values)) return null;
  if (certFile === undefined || keyFile === undefined) {
    return (await import("../../net/extensions/trust/tls.ts")).ownIdentity(join(values.spool, "tls"), values.host);
  }
  return {
    cert: await readText(certFile, "the certificate"),
    key: await readText(keyFile, "the key of the certificate"),
  };
}

/**
 * The gate of the server; null when everybody may come in.
 * @throws FilespoolError file-unreadable
 */
export async function gateOf(values: Values, onError: (error: FilespoolError) => void): Promise<TokenGate | null> {
  if (!asksForTokens(values)) return null;
  const { TokenGate } = await import("../../net/extensions/trust/token-gate.ts");
  return new TokenGate({ file: tokensFile(values), onError });
}
