/**
 * Reaches a server over plain TCP: a socket with a connection around it. Nothing is said yet.
 *
 * Here is also the interface by which a client knows its connector. The plain one in this file is all
 * that the core needs; extensions/trust/connect.ts has one that encrypts where a run asks for it.
 *
 * Never here: shaking hands (client.ts), and which of several addresses answers (addresses.ts).
 */
import { connect as connectTcp } from "node:net";
import { type ClientOptions, DEFAULTS } from "../options.ts";
import { Connection } from "../wire/connection.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";
import { SocketReader } from "../wire/socket-reader.ts";
import type { WireMemory } from "../wire/wire-memory.ts";
import { reach } from "./addresses.ts";

/** How a server is reached. */
export type Dial = { readonly [option in "signal" | "tls" | "connectTimeoutMs"]?: ClientOptions[option] | undefined };

/** What a client reaches its server with. */
export interface Connector {
  /**
   * @param memory what the connections of one run share
   * @throws FilespoolError unreachable, timed-out, interrupted; where it encrypts, also tls-failed, certificate-refused
   */
  connect(host: string, port: number, dial: Dial, memory?: WireMemory): Promise<Connection>;
  /**
   * A server has ended the first connection of a run without a word. Finds out why, if it can.
   * @throws FilespoolError the reason; when it returns, there is none that a person could mend
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
  // Several addresses may be tried at once, and all of these sockets read into the one reader. Only one of
  // them is ever spoken to, and a server says nothing before it has our hello.
  const open = (address: string) => connectTcp({ host: address, port, onread }).on("error", () => {});
  return new Connection(socketReader.listenTo(await reach({ host, port, timeoutMs, signal, open })), socketReader);
}
