/**
 * Reaches a server over plain TCP: a socket with a connection around it. Nothing has been said on
 * it yet.
 *
 * The interface by which a client knows its connector is here as well. The core needs only the
 * plain connector of this file. The one of extensions/trust/connect.ts encrypts where a run asks
 * for it.
 *
 * Never here: the handshake (client.ts), and which of several addresses answers (addresses.ts).
 */
import { connect as connectTcp } from "node:net";
import { type ClientOptions, DEFAULTS } from "../options.ts";
import { Connection } from "../wire/connection.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";
import { SocketReader } from "../wire/socket-reader.ts";
import type { WireMemory } from "../wire/wire-memory.ts";
import { reach } from "./addresses.ts";

/** The options of a run that are about reaching its server. */
export type Dial = { readonly [option in "signal" | "tls" | "connectTimeoutMs"]?: ClientOptions[option] | undefined };

/** The means by which a client reaches its server. */
export interface Connector {
  /**
   * Connects, once.
   * @param memory what the connections of one run share
   * @throws FilespoolError unreachable, timed-out, interrupted; where it encrypts, also tls-failed,
   * certificate-refused
   */
  connect(host: string, port: number, dial: Dial, memory?: WireMemory): Promise<Connection>;
  /**
   * Finds out why a server ended the first connection of a run without sending anything, where that
   * can be found out.
   * @throws FilespoolError the reason. When it returns, there is none that a person could mend.
   */
  explainSilence(host: string, port: number, dial: Dial): Promise<void>;
}

/**
 * Connects to a server without encryption.
 * @param memory what the connections of one run share
 * @throws FilespoolError unreachable, timed-out, interrupted
 */
export async function connect(host: string, port: number, dial: Dial = {}, memory?: WireMemory): Promise<Connection> {
  const { signal, connectTimeoutMs = DEFAULTS.connectTimeoutMs } = dial;
  const timeoutMs = Math.min(connectTimeoutMs, TIMER_MAX_MS);
  const socketReader = new SocketReader(memory);
  const { onread } = socketReader;
  // Several addresses may be tried at once, and all of these sockets read into one reader. That is
  // safe: only one of them is ever spoken to, and a server says nothing before our hello.
  const open = (address: string) => connectTcp({ host: address, port, onread }).on("error", () => {});
  return new Connection(socketReader.listenTo(await reach({ host, port, timeoutMs, signal, open })), socketReader);
}
