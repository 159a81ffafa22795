/**
 * The minimal programs inside of a test: the same sessions as in minimal/main.ts, on sockets of this process.
 *
 * What a session needs of the world (a listener, a way to dial, somebody to tell) is a few lines here as there. Tests that
 * kill, or that look at what people read, start minimal/main.ts as a process of its own (`MAIN`).
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { openQueues, type Queues } from "../../minimal/queues.ts";
import { receive } from "../../minimal/receive.ts";
import { send } from "../../minimal/send.ts";
import type { Emit } from "../../minimal/server.ts";
import { createServer as createMinimal } from "../../minimal/server.ts";
import type { FilespoolError } from "../../src/protocol/errors.ts";

export const MAIN = fileURLToPath(new URL("../../minimal/main.ts", import.meta.url));

/** What a program told, as one object for each event. */
export type Told = { readonly event: string } & Readonly<Record<string, unknown>>;

export interface Running {
  readonly port: number;
  readonly queues: Queues;
  readonly told: readonly Told[];
  stop(): Promise<void>;
}

const quiet = (socket: Socket): Socket => socket.setNoDelay(true).on("error", () => {});

const listenerFor =
  (told: Told[]): Emit =>
  (event, fields) =>
    void told.push({ event, ...fields });

/** A minimal server on a free port; it is stopped with the test. */
export async function serveMinimal(folder: string): Promise<Running> {
  const told: Told[] = [];
  const queues = await openQueues(folder);
  const server = createMinimal(queues, listenerFor(told));
  const listener = createServer({ allowHalfOpen: true }, (socket) => void server.accept(quiet(socket)));
  listener.listen(0, "localhost");
  await once(listener, "listening");
  const clock = setInterval(() => queues.expire(), 100);
  let stopping: Promise<void> | null = null;
  const stop = () => {
    listener.close();
    clearInterval(clock);
    stopping ??= server.drain();
    return stopping;
  };
  onTestFinished(stop);
  return { port: (listener.address() as AddressInfo).port, queues, told, stop };
}

const dialTo = (port: number) => async (): Promise<Socket> => {
  const socket = quiet(connect({ port, host: "localhost", allowHalfOpen: true }));
  await once(socket, "connect");
  return socket;
};

interface Collected {
  readonly failures: readonly FilespoolError[];
  readonly told: readonly Told[];
}

export async function sendMinimal(port: number, paths: readonly string[], queue = "default"): Promise<Collected> {
  const told: Told[] = [];
  const failures = await send({ dial: dialTo(port), queue, emit: listenerFor(told) }, paths);
  return { failures, told };
}

export async function receiveMinimal(port: number, output: string, queue = "default"): Promise<Collected> {
  const told: Told[] = [];
  const options = { dial: dialTo(port), queue, emit: listenerFor(told), output, origin: queue, follow: false };
  return { failures: await receive(options), told };
}
