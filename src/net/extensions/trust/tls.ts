/**
 * Encryption: TLS 1.3 around the same frames, a certificate that is made on first use, and trust by
 * fingerprint.
 *
 * The protocol does not change: node:tls gives the same kind of socket as node:net. There are two
 * ways of knowing the server:
 *
 *   by authority     its certificate is for this host name, and signed by an authority that this
 *                    machine (or `ca`) trusts
 *   by fingerprint   its certificate is exactly the one whose SHA-256 we have, as in an invite.
 *                    Neither its name nor its date counts, because only its owner can have it (as
 *                    with SSH)
 *
 * The second way needs no authority and no domain, so it suits a server for a few people. Nothing
 * is sent before the certificate was accepted, least of all the token. Only a run that encrypts
 * loads this file. Why TLS and not a protocol of our own, and why pinning: adr/0037.
 */
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect as connectTcp, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { connect, createSecureContext, createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { type Reach, reach, unreachable } from "../../client/addresses.ts";
import type { TlsIdentity, TlsTrust } from "../../options.ts";
import { makePrivateFolder, withLock, writeWhole } from "./private-files.ts";

// Both ends are ours, so no old peer needs an older version, with settings that can be wrong.
const VERSION = "TLSv1.3" as const;
// A pinned certificate is not asked for its date. It has one for other programs that look at it.
const VALID_YEARS = 10;

/** SHA-256 of a certificate in PEM: 64 hexadecimal digits. @throws FilespoolError tls-failed */
export function fingerprintOf(cert: string): string {
  try {
    return hexOf(new X509Certificate(cert).raw);
  } catch (error) {
    throw new FilespoolError("tls-failed", `that is not a certificate: ${(error as Error).message}`, { cause: error });
  }
}

/** Over the whole certificate and not its key, because that is what every other tool shows. */
const hexOf = (der: Uint8Array): string => createHash("sha256").update(der).digest("hex");

/**
 * A listener for createServer. Its event `secureConnection` brings sockets that are encrypted
 * already. A handshake that takes longer than `handshakeMs` milliseconds is cut off, like a
 * connection without a hello.
 * @throws FilespoolError tls-failed
 */
export function createTlsListener(identity: TlsIdentity, handshakeMs: number = LIMITS.handshakeMs): Server {
  return withGoodIdentity(identity, () => {
    const listener = createServer({
      cert: identity.cert,
      key: identity.key,
      minVersion: VERSION,
      handshakeTimeout: handshakeMs,
    });
    // Only from here on may one side end before the other. A client that leaves during the
    // handshake gives its place back at once. Otherwise a few connections could take all places for
    // the time of a handshake.
    listener.on("secureConnection", (socket) => {
      socket.allowHalfOpen = true;
    });
    // A scanner, or a client that does not encrypt. Rejected connections are reported elsewhere.
    return listener.on("tlsClientError", (_error, socket) => socket.destroy());
  });
}

/**
 * Checks that a certificate and its key can be used, before anything is changed.
 * @throws FilespoolError tls-failed
 */
export function checkIdentity(identity: TlsIdentity): void {
  withGoodIdentity(identity, () => void createSecureContext({ cert: identity.cert, key: identity.key }));
}

/**
 * Replaces the certificate of a listener. Connections that are there keep the old one.
 * @throws FilespoolError tls-failed; the listener keeps what it had
 */
export function replaceCertificate(listener: Server, identity: TlsIdentity): void {
  withGoodIdentity(identity, () => {
    (listener as TlsServer).setSecureContext({ cert: identity.cert, key: identity.key, minVersion: VERSION });
  });
}

/**
 * Uses a certificate, which finds out whether it is one, and whether the key belongs to it.
 * @throws FilespoolError tls-failed
 */
function withGoodIdentity<T>({ cert, key }: TlsIdentity, use: () => T): T {
  try {
    new X509Certificate(cert);
    if (!key.includes("PRIVATE KEY")) throw new Error("there is no private key in the key file");
    return use();
  } catch (error) {
    throw new FilespoolError("tls-failed", `this certificate cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Connects, encrypts, and checks the server's certificate.
 * @throws FilespoolError unreachable, timed-out, tls-failed, certificate-refused, connection-lost,
 * interrupted
 */
export async function connectTls(to: Omit<Reach, "open">, trust: TlsTrust): Promise<Socket> {
  const { host, port, timeoutMs, signal } = to;
  const { fingerprints, ca } = trust;
  const startMs = performance.now();
  const open = (address: string) => connectTcp({ host: address, port, allowHalfOpen: true }).on("error", () => {});
  const options = {
    socket: await reach({ ...to, open }),
    host,
    minVersion: VERSION,
    // Only a name is asked for, never an address (RFC 6066, section 3).
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(ca !== undefined && { ca }),
    // Judged below: a pinned certificate needs no authority, and a refusal deserves a sentence.
    rejectUnauthorized: false,
  };
  const socket = connect(options).on("error", () => {});
  // A handshake has no time limit of its own. Without one, a silent host is waited for without end.
  const leftMs = Math.max(1, startMs + timeoutMs - performance.now());
  const late = setTimeout(() => socket.destroy(new FilespoolError("timed-out", silent(host, port))), leftMs);
  try {
    await once(socket, "secureConnect", signal && { signal });
    judge(socket, host, port, fingerprints);
    return socket;
  } catch (error) {
    socket.destroy();
    if (signal?.aborted) throw new FilespoolError("interrupted");
    throw error instanceof FilespoolError ? error : failed(host, port, error as NodeJS.ErrnoException);
  } finally {
    clearTimeout(late);
  }
}

/**
 * For a client that does not encrypt, and whose connection was closed: finds out whether the server
 * encrypts, by beginning to. Nothing is sent after that, and no certificate is trusted.
 * @throws FilespoolError tls-failed if it does
 */
export async function demandPlain(to: Omit<Reach, "open">): Promise<void> {
  const isTls = ({ code }: FilespoolError) => code === "certificate-refused";
  const encrypts = await connectTls(to, { fingerprints: [] }).then(() => true, isTls);
  if (encrypts) throw new FilespoolError("tls-failed", `${to.host}:${to.port} encrypts, but this end does not`);
}

/**
 * Judges the server's certificate. A pin decides alone: no authority can overrule it, either way.
 * @throws FilespoolError certificate-refused
 */
function judge(socket: TLSSocket, host: string, port: number, fingerprints?: readonly string[]): void {
  const found = hexOf(socket.getPeerX509Certificate()?.raw ?? new Uint8Array());
  if (fingerprints) {
    if (fingerprints.includes(found)) return;
    throw new FilespoolError(
      "certificate-refused",
      `${host}:${port} has the certificate ${found}, not the one that was agreed on (${fingerprints.join(", ")}): ` +
        "either it was replaced, or somebody is in between",
    );
  }
  if (socket.authorized) return;
  const code = String(socket.authorizationError);
  const why = REASONS[code] ?? `it is not trusted (${code})`;
  throw new FilespoolError("certificate-refused", `the certificate of ${host}:${port} is refused: ${why}`);
}

/** What OpenSSL finds wrong, in words for the person who has to do something about it. */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired; its owner must renew it",
  CERT_NOT_YET_VALID: "it is not valid yet; compare the clocks of the two machines",
  DEPTH_ZERO_SELF_SIGNED_CERT: "no authority has signed it; pin it by its fingerprint, or use an invite",
  SELF_SIGNED_CERT_IN_CHAIN: "its authority is not one that this machine trusts; name it as a CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its authority is not known here; name it as a CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its authority is not known here; name it as a CA",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another host name",
};

/**
 * Which of three things went wrong: no server is there (try again), a server is there and does not
 * encrypt (trying again cannot mend that), or the line was cut in between (try again).
 */
function failed(host: string, port: number, error: NodeJS.ErrnoException): FilespoolError {
  const isTls = error.code?.startsWith("ERR_SSL") || error.code?.startsWith("ERR_TLS") || error.code === "EPROTO";
  // A server that does not encrypt closes the connection on a hello that it cannot read.
  const isCut = error.code === "ECONNRESET" || /disconnected before secure TLS/.test(error.message);
  if (!isTls && !isCut) return unreachable(host, port, error);
  const what = `${host}:${port} does not encrypt, but this end does`;
  return new FilespoolError(isCut && !isTls ? "connection-lost" : "tls-failed", what, { cause: error });
}

const silent = (host: string, port: number) => `${host}:${port} was reached, but did not answer with TLS in time`;

/**
 * The server's own certificate: read from `folder`, or made there on first use.
 * @throws FilespoolError folder-unusable
 */
export async function ownIdentity(folder: string, host: string): Promise<TlsIdentity> {
  try {
    const found = await identityIn(folder);
    if (found) return found;
    await makePrivateFolder(folder);
    // A server and a command that makes an invite may both be the first. They must not make one
    // certificate each.
    return await withLock(join(folder, "lock"), async () => {
      const theirs = await identityIn(folder);
      if (theirs) return theirs;
      const identity = await makeIdentity(host);
      // The key first: when the certificate is there, both are.
      await writeWhole(join(folder, "key.pem"), identity.key, 0o600);
      await writeWhole(join(folder, "cert.pem"), identity.cert, 0o644);
      return identity;
    });
  } catch (error) {
    throw unusable(folder, error);
  }
}

/**
 * Reads the certificate and its key. Null: there is none yet. The certificate is read first because
 * it is written last: if it is there, the key is.
 */
async function identityIn(folder: string): Promise<TlsIdentity | null> {
  try {
    const cert = await readFile(join(folder, "cert.pem"), "utf8");
    return { cert, key: await readFile(join(folder, "key.pem"), "utf8") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The error names the folder, because its permissions or its disk have to be mended. */
const unusable = (folder: string, error: unknown) =>
  new FilespoolError("folder-unusable", `cannot keep a certificate in ${folder}: ${describe(error)}`, {
    cause: error,
  });

/**
 * Makes a key (P-256) and a certificate signed by itself, for the names that people will type.
 * Addresses are left out, because a pinned certificate is not asked for its name.
 */
async function makeIdentity(host: string): Promise<TlsIdentity> {
  const { generate } = await import("selfsigned"); // needed once in the life of a server
  const notBeforeDate = new Date();
  const notAfterDate = new Date(notBeforeDate);
  notAfterDate.setFullYear(notBeforeDate.getFullYear() + VALID_YEARS);
  const names = [...new Set(["localhost", host])].filter((name) => /[a-z]/i.test(name) && /^[\w.-]+$/.test(name));
  const { cert, private: key } = await generate([{ name: "commonName", value: "filespool" }], {
    ...{ keyType: "ec", curve: "P-256", algorithm: "sha256", notBeforeDate, notAfterDate },
    extensions: [{ name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) }],
  });
  return { cert, key };
}
