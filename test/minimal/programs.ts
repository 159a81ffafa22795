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
import { FilespoolError } from "../../src/protocol/errors.ts";
import { sha256 } from "../support/content.ts";
import type { Workspace } from "../support/workspace.ts";

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
  await once(socket, "connect").catch(({ code }) => {
    throw new FilespoolError("unreachable", code);
  });
  return socket;
};

/** Hands everything on, and calls back at a byte: once, for all connections together. */
export async function relayTo(
  port: number,
  direction: "up" | "down",
  after: number,
  atByte: () => void,
): Promise<number> {
  let bytes = 0;
  const listener = createServer((client) => {
    const server = quiet(connect({ port, host: "localhost" }));
    const count = (piece: Buffer) => {
      const before = bytes;
      bytes += piece.length;
      if (before < after && bytes >= after) atByte();
    };
    quiet(client).on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    (direction === "up" ? client : server).on("data", count);
    client.pipe(server).pipe(client);
  });
  listener.listen(0, "localhost");
  await once(listener, "listening");
  onTestFinished(() => void listener.close());
  return (listener.address() as AddressInfo).port;
}

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

/** What is in a folder, by name and digest. */
export const landedIn = (place: Workspace, folder = "out"): [string, string][] =>
  place.list(folder).map((name) => [name, sha256(place.read(folder, name))]);
