/**
 * What sender and receiver share: shaking hands, and coming back after anything that may pass.
 *
 * A client does not ask whether an error is worth another try; the error table says so. Waits grow and are
 * jittered, so that a thousand clients of a server that restarts do not all return at the same moment (Brooker,
 * "Exponential backoff and jitter", 2015). Progress starts the count anew: what bounds the patience is the time
 * *without* progress, not the time that a large file takes.
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

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5000;
/** A connection that lasted so long was progress by itself: its end starts the patience anew. */
const HEALTHY_MS = 5000;

/** One run of a client: the same `peer` id on each of its connections, so that the newest ends the others. */
export class Client {
  readonly peer = randomBytes(16).toString("hex");
  readonly #options: ReturnType<typeof complete<ClientOptions>>;
  readonly #connector: Connector;
  /** Shared by the connections of this run: the next one goes on with the memory of the lost one. */
  readonly #memory = new WireMemory();
  /** A server has answered once. Until then a mistyped address is likelier than a server that is away, so patience is short. */
  #hasConnected = false;
  /** When something was gained for the last time, on the clock of `performance`. */
  #progressMs = performance.now();
  /** Attempts since then: the exponent of the next wait. */
  #attempt = 0;

  constructor(options: ClientOptions, connector: Connector) {
    this.#options = complete(options);
    this.#connector = connector;
  }

  /** Tells whoever started the run; without a listener, nobody. */
  emit(event: TransferEvent): void {
    this.#options.onEvent?.(event);
  }

  /** Something was gained that a cut cannot take back. */
  progressed(): void {
    this.#progressMs = performance.now();
    this.#attempt = 0;
  }

  /**
   * Connects and runs `converse` again and again until it returns.
   * @throws FilespoolError what no further attempt can mend, or the last error when the time is over
   */
  async run(
    role: MessageOf<"hello">["role"],
    converse: (connection: Connection, server: MessageOf<"welcome">) => Promise<void>,
  ): Promise<void> {
    for (;;) {
      let connection: Connection | undefined;
      let connectedMs = Infinity;
      const { host, port, signal, connectTimeoutMs } = this.#options;
      // With a word: a receiver that vanished without one leaves a mark on its file.
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
        // A server that answered with an error hears nothing more; any other gets a reason if it can.
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
   * @throws FilespoolError what the server refuses us for; connection-lost, version-unsupported, tls-failed
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
    if (!server) throw new FilespoolError("connection-lost", `${host}:${port} ended the connection without a word`);
    if (server.type !== "welcome") throw new FilespoolError("frame-unexpected", `the server began with ${server.type}`);
    if (!LIMITS.versions.includes(server.version))
      throw new FilespoolError("version-unsupported", `the server answers in version ${server.version}`);
    this.#hasConnected = true;
    connection.zeros.peerTakes = server.zeros === true;
    this.emit({ event: "connected", host, port, server: server.agent, durability: server.durability });
    return server;
  }

  /**
   * Waits before the next attempt: half of a step that doubles, and up to as much again by lot.
   * @throws the failure, where another attempt cannot mend it or would come after the patience is over
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

/** Nobody who has taken a hello says nothing for so long. */
function silent(connection: Connection, host: string, port: number): void {
  connection.destroy(new FilespoolError("timed-out", `${host}:${port} was reached, but did not answer in time`));
}
