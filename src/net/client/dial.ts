/**
 * Reaching a server: a socket, plain or encrypted, with a connection around it.
 *
 * Nothing is said yet; who shakes hands is client.ts. What encrypts is loaded only by who asks for it.
 */
import { connect as connectTcp } from "node:net";
import { type ClientOptions, DEFAULTS } from "../options.ts";
import { Connection } from "../wire/connection.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";
import { SocketReader } from "../wire/socket-reader.ts";
import type { WireMemory } from "../wire/wire-memory.ts";
import { reach } from "./addresses.ts";

/** How a server is reached. */
export type Dial = Pick<ClientOptions, "signal" | "tls" | "connectTimeoutMs">;

/**
 * Connects to a server.
 * @param memory what the connections of one run share
 * @throws FilespoolError unreachable, timed-out, interrupted; with `tls` also tls-failed, certificate-refused
 */
export async function connect(host: string, port: number, dial: Dial = {}, memory?: WireMemory): Promise<Connection> {
  const { signal, tls, connectTimeoutMs = DEFAULTS.connectTimeoutMs } = dial;
  const timeoutMs = Math.min(connectTimeoutMs, TIMER_MAX_MS);
  const socketReader = new SocketReader(memory);
  if (tls) {
    const { connectTls } = await import("../extensions/trust/tls.ts"); // only who encrypts pays for loading it
    return new Connection(socketReader.follow(await connectTls({ host, port, timeoutMs, signal }, tls)), socketReader);
  }
  const { onread } = socketReader; // of those that are tried, only one will ever be spoken to
  const open = (address: string) => connectTcp({ host: address, port, onread }).on("error", () => {});
  return new Connection(socketReader.listenTo(await reach({ host, port, timeoutMs, signal, open })), socketReader);
}
