/** A server that encrypts, and peers that speak to it by hand. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { onTestFinished } from "vitest";
import { fingerprintOf, ownIdentity } from "../../src/net/extensions/trust/tls.ts";
import { RawPeer } from "./raw-peer.ts";
import { type ServerSetup, Workspace } from "./workspace.ts";

export async function encrypted(setup: ServerSetup = {}) {
  const work = new Workspace();
  const identity = await ownIdentity(work.path("tls"), "localhost");
  const running = await work.serve({ ...setup, tls: identity });
  return { work, identity, running, port: running.port, tls: { fingerprints: [fingerprintOf(identity.cert)] } };
}

/** A peer that has shaken hands, and trusts anybody. */
export async function encryptedPeer(port: number): Promise<RawPeer> {
  // allowHalfOpen is documented, and missing in the types.
  const options = { port, host: "localhost", rejectUnauthorized: false, allowHalfOpen: true } as ConnectionOptions;
  const socket = connectTls(options);
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return new RawPeer(socket);
}

/** What a TLS client says first. */
export async function clientHello(): Promise<Buffer> {
  let said: (bytes: Buffer) => void = () => {};
  const first = new Promise<Buffer>((resolve) => {
    said = resolve;
  });
  const wire = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      said(bytes);
      done();
    },
  });
  const socket = connectTls({ socket: wire, minVersion: "TLSv1.3" }).on("error", () => {});
  return first.finally(() => socket.destroy());
}

/** A connection that has said so much and is read, so that its end is noticed; `over` resolves then. */
export async function begun(port: number, bytes: Uint8Array): Promise<{ socket: Socket; over: Promise<void> }> {
  const socket = connect(port, "localhost").on("error", () => {});
  onTestFinished(() => void socket.destroy());
  const over = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resume().on("end", () => socket.end());
  await Promise.race([once(socket, "connect"), over]);
  if (socket.writable) socket.write(bytes);
  return { socket, over };
}
