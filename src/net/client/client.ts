/**
 * What sender, receiver and operator share: the handshake, and coming back after every failure that
 * may pass.
 *
 * A client does not decide whether an error is worth another try; the error table says so. Waits
 * grow and are jittered, so that a thousand clients of a server that restarts do not all return at
 * the same moment (Brooker, "Exponential backoff and jitter", 2015). Progress starts the count
 * anew: patience bounds the time *without* progress, not the time that a large file takes.
 *
 * Invariant: a run converses over at most one connection at a time. Never here: what is said after
 * the welcome (sender/send-conversation.ts, receiver/receive-conversation.ts), and how a server is
 * reached (dial.ts, addresses.ts).
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { FilespoolError, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { TransferEvent } from "../events.ts";
import { AGENT, type ClientOptions, complete } from "../options.ts";
import type { Connection } from "../wire/connection.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";
import { WireMemory } from "../wire/wire-memory.ts";
import type { Connector } from "./dial.ts";

/** The first wait, and the longest. Each wait is twice as long as the one before, before jitter. */
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5000;
/** A connection that lasted for so long counts as progress, even if no file came through. */
const HEALTHY_MS = 5000;

/**
 * One run of a client. It sends the same `peer` id on each of its connections, so that the server
 * ends an older connection of this run when a newer one arrives.
 */
export class Client {
  readonly peer = randomBytes(16).toString("hex");
  readonly #options: ReturnType<typeof complete<ClientOptions>>;
  readonly #connector: Connector;
  /**
   * Shared by the connections of this run: the next one goes on with the memory of the lost one.
   */
  readonly #memory = new WireMemory();
  /**
   * A server has answered in this run; set once and never cleared. Before that, a mistyped address
   * is likelier than a server that is away, so patience is `connectRetryMs`; after it, `retryMs`.
   */
  #hasConnected = false;
  /** When progress was last made, on the clock of `performance`; at first, the start of the run. */
  #progressMs = performance.now();
  /** Failed attempts since then: the exponent of the next wait. `progressed` clears it. */
  #attempt = 0;

  constructor(options: ClientOptions, connector: Connector) {
    this.#options = complete(options);
    this.#connector = connector;
  }

  /** Reports an event to the caller of the run, if it listens. */
  emit(event: TransferEvent): void {
    this.#options.onEvent?.(event);
  }

  /** Notes progress: something was gained that a lost connection cannot take back. */
  progressed(): void {
    this.#progressMs = performance.now();
    this.#attempt = 0;
  }

  /**
   * Connects and runs `converse`, again and again until it returns. Then it says goodbye, and
   * resolves when the connection is closed.
   * @throws FilespoolError one that no further attempt can mend, or the last one when patience is
   * over
   */
  async run(
    role: MessageOf<"hello">["role"],
    converse: (connection: Connection, server: MessageOf<"welcome">) => Promise<void>,
  ): Promise<void> {
    for (;;) {
      let connection: Connection | undefined;
      let connectedMs = Infinity;
      const { host, port, signal, connectTimeoutMs } = this.#options;
      // The server hears why. A receiver that vanishes puts its file under suspicion (suspects.ts).
      const interrupt = () => connection?.fail(new FilespoolError("interrupted"));
      try {
        if (signal?.aborted) throw new FilespoolError("interrupted");
        const startMs = performance.now();
        connection = await this.#connector.connect(host, port, this.#options, this.#memory);
        signal?.addEventListener("abort", interrupt);
        if (signal?.aborted) interrupt();
        const leftMs = Math.min(startMs + connectTimeoutMs - performance.now(), TIMER_MAX_MS);
        const late = setTimeout(silent, leftMs, connection, host, port);
        const server = await this.#greet(connection, role, startMs + connectTimeoutMs).finally(() =>
          clearTimeout(late),
        );
        connectedMs = performance.now();
        await converse(connection, server);
        connection.send({ type: "bye" });
        connection.end();
        return await connection.closed();
      } catch (error) {
        const failure = signal?.aborted ? new FilespoolError("interrupted") : known(error);
        // A server that has sent an error hears nothing more. Any other hears why, if it still can.
        connection?.fail(failure);
        if (performance.now() - connectedMs > HEALTHY_MS) this.progressed();
        await this.#backOff(failure);
      } finally {
        signal?.removeEventListener("abort", interrupt);
      }
    }
  }

  /**
   * Says hello and waits for the welcome.
   * @param untilMs when this attempt is over, on the clock of `performance`
   * @throws FilespoolError the server's refusal; connection-lost, frame-unexpected,
   * version-unsupported; tls-failed where the server turns out to want encryption
   */
  async #greet(
    connection: Connection,
    role: MessageOf<"hello">["role"],
    untilMs: number,
  ): Promise<MessageOf<"welcome">> {
    const { host, port, queue, bufferBytes, token, tls, signal } = this.#options;
    const asReceiver = role === "receiver" ? { queue, dataBytesMax: bufferBytes, zeros: true } : {};
    const versions = [...LIMITS.versions];
    const proof = token === undefined ? {} : { token };
    connection.send({ type: "hello", versions, role, peer: this.peer, agent: AGENT, ...proof, ...asReceiver });
    const server = await connection.read();
    if (!server && !this.#hasConnected) {
      const connectTimeoutMs = Math.max(1, untilMs - performance.now());
      await this.#connector.explainSilence(host, port, { tls, signal, connectTimeoutMs });
    }
    if (!server)
      throw new FilespoolError("connection-lost", `${host}:${port} closed the connection without sending anything`);
    if (server.type !== "welcome")
      throw new FilespoolError("frame-unexpected", `the server's first message is ${server.type}, not welcome`);
    if (!LIMITS.versions.includes(server.version))
      throw new FilespoolError("version-unsupported", `the server answers in version ${server.version}`);
    this.#hasConnected = true;
    connection.zeros.peerTakes = server.zeros === true;
    this.emit({ event: "connected", host, port, server: server.agent, durability: server.durability });
    return server;
  }

  /**
   * Waits before the next attempt: half of the step for certain, and up to the other half by
   * chance.
   * @throws FilespoolError the failure itself, if another attempt cannot mend it or would begin
   * after patience is over
   */
  async #backOff(failure: FilespoolError): Promise<void> {
    const { retryMs, connectRetryMs, signal } = this.#options;
    const patienceMs = this.#hasConnected ? retryMs : connectRetryMs;
    if (!failure.retry || failure.code === "interrupted") throw failure;
    const step = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.#attempt);
    const delayMs = Math.round(step * (0.5 + Math.random() / 2));
    if (performance.now() - this.#progressMs + delayMs > patienceMs) throw failure;
    this.#attempt++;
    this.emit({ event: "retrying", delayMs, attempt: this.#attempt, code: failure.code, message: failure.message });
    await sleep(delayMs, undefined, signal && { signal }).catch(() => {});
  }
}

/** The server has accepted the connection and then said nothing until the time was over. */
function silent(connection: Connection, host: string, port: number): void {
  connection.destroy(new FilespoolError("timed-out", `${host}:${port} was reached, but did not answer in time`));
}
