/**
 * Encryption: TLS 1.3 around the same frames, a certificate that is made on first use, and trust by fingerprint.
 *
 * The protocol does not change: what `net` gives as a socket, `tls` gives as well. Two ways of knowing the server:
 *
 *   by authority      its certificate is for this host name, and signed by one whom this machine (or `ca`) trusts
 *   by fingerprint    its certificate is exactly the one whose SHA-256 we were given, as in an invite; nothing else about
 *                     it is asked, neither name nor date, because nobody but its owner can have it (as SSH does it)
 *
 * The second needs no authority and no domain, so it is what a server for a few people uses. Nothing is sent, the token
 * least of all, before the certificate was accepted. Loaded only by whoever encrypts. Why TLS and not a protocol of our
 * own, and why pinning: adr/0037.
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

// Both ends are ours, so there is no old peer to be polite to: the versions before have settings that can be wrong.
const VERSION = "TLSv1.3" as const;
// Pinned by its fingerprint, so no date is asked for; the end is there for programs that look at certificates.
const VALID_YEARS = 10;

/** SHA-256 of the certificate in a PEM text: 64 hexadecimal digits. @throws FilespoolError tls-failed */
export function fingerprintOf(cert: string): string {
  try {
    return hexOf(new X509Certificate(cert).raw);
  } catch (error) {
    throw new FilespoolError("tls-failed", `that is no certificate: ${(error as Error).message}`, { cause: error });
  }
}

/** Of the whole certificate and not of its key: what a person compares is what every other tool shows. */
const hexOf = (der: Uint8Array): string => createHash("sha256").update(der).digest("hex");

/**
 * A listener for createServer: `secureConnection` brings sockets that are encrypted already. A handshake that is not
 * over after `handshakeMs` milliseconds is cut off, as a connection without a hello would be.
 * @throws tls-failed
 */
export function createTlsListener(identity: TlsIdentity, handshakeMs: number = LIMITS.handshakeMs): Server {
  return withGoodIdentity(identity, () => {
    const listener = createServer({
      cert: identity.cert,
      key: identity.key,
      minVersion: VERSION,
      handshakeTimeout: handshakeMs,
    });
    // Only from here on may one side end before the other: who leaves in the middle of the handshake gives its place
    // back at once, or somebody with a few connections could take all places for the time of a handshake.
    listener.on("secureConnection", (socket) => {
      socket.allowHalfOpen = true;
    });
    // A scanner, or a client that does not encrypt. Its socket is closed by Node; nobody else need hear of it.
    return listener.on("tlsClientError", (_error, socket) => socket.destroy());
  });
}

/** Whether a certificate and its key can be used, before anything is changed. @throws FilespoolError tls-failed */
export function checkIdentity(identity: TlsIdentity): void {
  withGoodIdentity(identity, () => void createSecureContext({ cert: identity.cert, key: identity.key }));
}

/**
 * Connections that are there keep the certificate they were made with.
 * @throws FilespoolError tls-failed; the listener keeps what it had
 */
export function replaceCertificate(listener: Server, identity: TlsIdentity): void {
  withGoodIdentity(identity, () => {
    (listener as TlsServer).setSecureContext({ cert: identity.cert, key: identity.key, minVersion: VERSION });
  });
}

/** A certificate that is none, and a key that belongs to another, are found by using them. */
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
 * Connects, encrypts, and checks who answers.
 * @throws FilespoolError unreachable, tls-failed, certificate-refused, interrupted
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
    // A name is asked for only where there is one; an address has none (RFC 6066, section 3).
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(ca !== undefined && { ca }),
    // Judged below: what was pinned needs no authority, and a refusal deserves a sentence.
    rejectUnauthorized: false,
  };
  const socket = connect(options).on("error", () => {});
  // The handshake has no time limit of its own, and a host that is reached and says nothing would be waited for
  // without end.
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
 * For a client that does not encrypt, and was hung up on without a word: is that because the server does? It is asked by
 * beginning to encrypt; nothing is said and nobody is trusted after that.
 * @throws FilespoolError tls-failed when it does
 */
export async function demandPlain(to: Omit<Reach, "open">): Promise<void> {
  const isTls = ({ code }: FilespoolError) => code === "certificate-refused";
  const encrypts = await connectTls(to, { fingerprints: [] }).then(() => true, isTls);
  if (encrypts) throw new FilespoolError("tls-failed", `${to.host}:${to.port} encrypts, and this end does not`);
}

/**
 * A pin is the whole answer: where one is given, no authority can overrule it, in either direction.
 * @throws FilespoolError certificate-refused
 */
function judge(socket: TLSSocket, host: string, port: number, fingerprints?: readonly string[]): void {
  const found = hexOf(socket.getPeerX509Certificate()?.raw ?? new Uint8Array());
  if (fingerprints) {
    if (fingerprints.includes(found)) return;
    throw new FilespoolError(
      "certificate-refused",
      `${host}:${port} has the certificate ${found}, and not the one that was agreed on (${fingerprints.join(", ")}): ` +
        "either it was replaced, or somebody is in between",
    );
  }
  if (socket.authorized) return;
  const code = String(socket.authorizationError);
  const why = REASONS[code] ?? `it is not trusted (${code})`;
  throw new FilespoolError("certificate-refused", `the certificate of ${host}:${port} is refused: ${why}`);
}

/** What OpenSSL finds wrong, in the words of somebody who has to do something about it. */
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
 * Which of three things went wrong: nobody is there (try again), somebody is there and does not encrypt (nobody can
 * mend that by trying), or the line was cut in between (try again).
 */
function failed(host: string, port: number, error: NodeJS.ErrnoException): FilespoolError {
  const isTls = error.code?.startsWith("ERR_SSL") || error.code?.startsWith("ERR_TLS") || error.code === "EPROTO";
  // A server that does not encrypt answers a hello that it cannot read by closing.
  const isCut = error.code === "ECONNRESET" || /disconnected before secure TLS/.test(error.message);
  if (!isTls && !isCut) return unreachable(host, port, error);
  const what = `${host}:${port} does not encrypt, and this end does`;
  return new FilespoolError(isCut && !isTls ? "connection-lost" : "tls-failed", what, { cause: error });
}

const silent = (host: string, port: number) => `${host}:${port} was reached, but did not answer with TLS in time`;

/**
 * The certificate of a server that has none: read from `folder`, or made there on first use.
 * @throws FilespoolError folder-unusable
 */
export async function ownIdentity(folder: string, host: string): Promise<TlsIdentity> {
  try {
    const found = await identityIn(folder);
    if (found) return found;
    await makePrivateFolder(folder);
    // A server and somebody who makes an invite may both be the first: they must not make one certificate each.
    return await withLock(join(folder, "lock"), async () => {
      const theirs = await identityIn(folder);
      if (theirs) return theirs;
      const identity = await makeIdentity(host);
      // The key first: a certificate is what says that both are there.
      await writeWhole(join(folder, "key.pem"), identity.key, 0o600);
      await writeWhole(join(folder, "cert.pem"), identity.cert, 0o644);
      return identity;
    });
  } catch (error) {
    throw unusable(folder, error);
  }
}

/** Null: there is none yet. The certificate is read first, because it is written last: where it is, the key is. */
async function identityIn(folder: string): Promise<TlsIdentity | null> {
  try {
    const cert = await readFile(join(folder, "cert.pem"), "utf8");
    return { cert, key: await readFile(join(folder, "key.pem"), "utf8") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The folder is named, since what has to be mended are the rights to it or the room on its disk. */
const unusable = (folder: string, error: unknown) =>
  new FilespoolError("folder-unusable", `cannot keep a certificate in ${folder}: ${describe(error)}`, {
    cause: error,
  });

/**
 * A key (P-256) and a certificate signed by itself. For the names that people will type; addresses are left out, since
 * a pinned certificate is not asked for its name.
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
