/**
 * Reaching a server: a socket, plain or encrypted, with a connection around it.
 *
 * Nothing is said yet; who shakes hands is client.ts. What encrypts is loaded only by who asks for it.
 */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { FilespoolError } from "../protocol/errors.ts";
import { inWords } from "../spool/errno.ts";
import { Connection } from "./connection.ts";
import { Intake } from "./intake.ts";
import type { TlsTrust } from "./options.ts";

export function unreachable(host: string, port: number, error: unknown): FilespoolError {
  return new FilespoolError("unreachable", `cannot reach a server at ${host}:${port}: ${inWords(error)}`);
}

/**
 * Connects to a server.
 * @throws FilespoolError unreachable; with `tls` also tls-failed, certificate-refused
 */
export async function connect(host: string, port: number, signal?: AbortSignal, tls?: TlsTrust): Promise<Connection> {
  const intake = new Intake();
  if (tls) {
    const { connectTls } = await import("./tls.ts"); // only who encrypts pays for loading it
    return new Connection(intake.follow(await connectTls(host, port, tls, signal)), intake);
  }
  // `once` hears of an error, until it is aborted.
  const socket = connectTcp({ host, port, onread: intake.onread }).on("error", () => {});
  try {
    await once(socket, "connect", signal && { signal });
  } catch (error) {
    socket.destroy();
    throw signal?.aborted ? new FilespoolError("interrupted") : unreachable(host, port, error);
  }
  return new Connection(intake.listenTo(socket), intake);
}
