/**
 * What protects a server: its certificate and its tokens. The counterpart of credentials/client.ts.
 *
 *   <spool>/tls/cert.pem, key.pem    made on first use, unless --tls-cert and --tls-key name others
 *   <spool>/tokens.json              hashes of tokens; `filespool token` changes it, and a running server notices
 *
 * If there are tokens, the server asks for one even without --tokens: a person who makes tokens does not want to let
 * everybody in. Encryption is never guessed, because both ends must know of it.
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

/** The file with the tokens of a spool. */
export const tokensFile = (values: Values): string => join(values.spool, "tokens.json");

/** Whether a server has made a certificate in this spool. */
export const hasOwnIdentity = (values: Values): boolean => existsSync(join(values.spool, "tls", "cert.pem"));

/** How a server with these settings is protected; decides whether other machines may reach it. */
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
    throw new UsageError("--tls-cert and --tls-key belong together: give both");
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
 * The gate that checks tokens; null when the server lets everybody in.
 * @throws FilespoolError file-unreadable
 */
export async function gateOf(values: Values, onError: (error: FilespoolError) => void): Promise<TokenGate | null> {
  if (!asksForTokens(values)) return null;
  const { TokenGate } = await import("../../net/extensions/trust/token-gate.ts");
  return new TokenGate({ file: tokensFile(values), onError });
}
