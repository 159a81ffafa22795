/**
 * One run: a sender, a server and a receiver, the network between them, and the accidents that were asked for.
 *
 * Invariants, tested over many seeds: the same settings give the same story; and once the accidents are over the file
 * arrives whole, exactly once, whatever they were. The digest is handed in, so that Node and a browser each use theirs.
 */
import type { Digest } from "../../../../src/disk/digest.ts";
import { FilespoolError } from "../../../../src/protocol/errors.ts";
import { MemorySpool } from "../../../../src/spool/memory-spool.ts";
import { Receiver } from "./receiver.ts";
import { type ClientParts, type File, Sender } from "./sender.ts";
import { Reception } from "./server.ts";
import { FAULTS, type Fault, Scribe, type Settings, type Story, type Who } from "./story.ts";
import { Wire } from "./wire.ts";
import { World } from "./world.ts";

/** A server that crashed is started again after this. */
export const RESTART_MS = 400;
const RETRY_MS = 60;
const RETRY_MS_MAX = 1000;
const LIMIT_MS = 3_600_000;

export type MakeDigest = () => Digest;

/** What a program has besides its talk: a connection, or the wish for one. */
interface Client {
  readonly who: Who;
  wire: Wire | null;
  attempts: number;
  isDone(): boolean;
  connected(wire: Wire): void;
}

export async function run(settings: Settings, makeDigest: MakeDigest): Promise<Story> {
  const world = new World(settings.seed);
  const scribe = new Scribe(() => world.nowMs);
  const digestOf = (bytes: Uint8Array) => {
    const digest = makeDigest();
    digest.update(bytes);
    return digest.hex();
  };
  const file = makeFile(world, settings.fileBytes, digestOf);
  const spool = new MemorySpool({ now: () => world.nowMs, createDigest: makeDigest, digests: ["sha256"] });
  let isUp = true;
  let receptions: Reception[] = [];
  let flips = 0;

  const connect = (client: Client): void => {
    // The three steps of TCP take one round trip before the first byte of ours.
    world.after(settings.latencyMs * 2, () => {
      if (!isUp) {
        scribe.mark(client.who, "lost", "no server answers");
        return retry(client);
      }
      const wire = new Wire(world, scribe, settings, [client.who, "server"]);
      const reception = new Reception({ world, scribe, settings, spool }, wire.ends[1]);
      wire.ends[1].talker = reception;
      receptions.push(reception);
      client.wire = wire;
      client.attempts = 0;
      scribe.mark(client.who, "connected", "connected");
      client.connected(wire);
    });
  };
  const retry = (client: Client): void => {
    client.wire = null;
    if (client.isDone()) return;
    const waitMs = Math.min(RETRY_MS * 2 ** client.attempts++, RETRY_MS_MAX);
    world.after(waitMs * (0.75 + world.random() / 2), () => connect(client));
  };
  const partsFor = (client: () => Client): ClientParts => ({
    world,
    scribe,
    settings,
    reconnect: () => retry(client()),
  });
  const sender = new Sender(
    partsFor(() => sending),
    file,
  );
  const receiver = new Receiver(
    partsFor(() => receiving),
    digestOf,
  );
  const sending: Client = {
    who: "sender",
    wire: null,
    attempts: 0,
    isDone: () => sender.isDone,
    connected: (wire) => sender.connected(wire.ends[0]),
  };
  const receiving: Client = {
    who: "receiver",
    wire: null,
    attempts: 0,
    isDone: () => receiver.isDone,
    connected: (wire) => receiver.connected(wire.ends[0]),
  };

  const crash = async () => {
    if (!isUp) return;
    isUp = false;
    for (const { session } of receptions) session?.crash();
    receptions = [];
    await spool.close(); // leases and grips end with the process; what was durable stays
    const why = "the server is gone";
    for (const client of [sending, receiving]) await client.wire?.cut(why);
    world.after(RESTART_MS, () => {
      isUp = true;
      scribe.mark("server", "up", "started again");
    });
  };
  const strike: Record<Fault["kind"], () => Promise<void> | void> = {
    "cut-sender": () => sending.wire?.cut("the connection was cut"),
    "cut-receiver": () => receiving.wire?.cut("the connection was cut"),
    crash,
    flip: () => {
      flips++;
      tryFlip();
    },
  };
  /** Waits for the next data frame, if none is under way; once the file has landed there will be none. */
  const tryFlip = (): void => {
    if (sender.isDone && receiver.landed !== null) return;
    const isDone = [sending, receiving].some(({ wire }) =>
      wire?.damage(({ name, fate }) => name === "data" && fate === "whole"),
    );
    if (isDone) flips--;
    else if (flips > 0) world.after(1, tryFlip);
  };
  for (const { kind, atMs } of settings.faults)
    world.at(atMs, () => {
      if (sender.isDone && receiver.isDone) return undefined;
      scribe.mark(kind === "crash" ? "server" : kind === "cut-receiver" ? "receiver" : "sender", "fault", FAULTS[kind]);
      return strike[kind]();
    });

  connect(sending);
  connect(receiving);
  const isOver = await world.run(LIMIT_MS);
  if (!isOver) throw new FilespoolError("timed-out", "the simulation did not come to an end");
  const { flights, marks, changes, levels } = scribe;
  const endMs = Math.max(...[...marks, ...changes].map(({ atMs }) => atMs), ...flights.map(({ overMs }) => overMs));
  return {
    flights,
    marks,
    changes,
    levels,
    endMs,
    sent: file.digest,
    landed: receiver.landed,
    landings: receiver.landings,
  };
}

function makeFile(world: World, bytes: number, digestOf: (bytes: Uint8Array) => string): File {
  const content = Uint8Array.from({ length: bytes }, () => Math.floor(world.random() * 256));
  const transfer = Array.from({ length: 32 }, () => Math.floor(world.random() * 16).toString(16)).join("");
  return { transfer, name: "holiday.jpg", content, digest: digestOf(content) };
}
