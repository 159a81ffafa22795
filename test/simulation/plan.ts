/** What happens in one run: who sends what to whom, and what goes wrong when. Made from a seed, or written by hand. */
import { random } from "../support/process-files.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export interface PlannedFile {
  readonly name: string;
  readonly size: number;
  /** Comes out of a pipe: nobody knows its size before its end, and it cannot be read twice. */
  readonly isStream?: boolean;
}

export interface PlannedSender {
  readonly name: string;
  readonly queue: string;
  readonly bufferBytes: number;
  readonly startMs: number;
  readonly files: readonly PlannedFile[];
}

export interface PlannedReceiver {
  readonly name: string;
  readonly queue: string;
  readonly bufferBytes: number;
  readonly follow: boolean;
  readonly startMs: number;
  /** Something is done with each landed file before its ack; that takes so long, and fails at times. */
  readonly hookMs?: number;
}

/**
 * Something that goes wrong on a machine, at a step of the world, for so long.
 *
 *   kill       a program dies, and is started again later     power     the machine goes off, and on again later
 *   restart    a server is asked to stop, and started again   cut       its connections are reset
 *   silence    its packets vanish for a while                 damage    the next bytes lose a bit
 *   slow       the disk is a hundred times slower             full      nothing fits on the disk
 *   unsynced   every sync fails                               clock     the wall clock jumps
 */
export interface Fault {
  readonly atStep: number;
  readonly kind: "kill" | "power" | "restart" | "cut" | "silence" | "damage" | "slow" | "full" | "unsynced" | "clock";
  readonly machine: string;
  readonly forMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly senders: readonly PlannedSender[];
  readonly receivers: readonly PlannedReceiver[];
  /** Limits of the spool; what is not named is the default. */
  readonly spoolBytesMax: number;
  readonly queueFilesMax: number;
  readonly leaseMs: number;
  /** One way, ms. */
  readonly networkMs: number;
  readonly serverBufferBytes: number;
  readonly faults: readonly Fault[];
}

/** Nothing, inside the index, around its threshold, in several frames; and long enough to be synced on the way. */
const SIZES = [0, 1, 300, 4 * KiB, 64 * KiB, 64 * KiB + 1, 200 * KiB, MiB];
const LONG = [17 * MiB, 34 * MiB];
/** The last is the default: its frames are that long from the second stretch of a long file on. */
const BUFFERS = [4 * KiB, 64 * KiB, 256 * KiB, MiB];
/** Short ones would make a long file slow to simulate. */
const LONG_BUFFERS = [256 * KiB, MiB];
const HOUR_MS = 3_600_000;

export function planOf(seed: number): Plan {
  const next = random(seed);
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const pick = <T>(from: readonly T[]): T => from[between(0, from.length - 1)] as T;
  const queues = ["photos", "letters"].slice(0, between(1, 2));
  const hasLong = next() < 0.06;
  const senders = Array.from({ length: between(1, 3) }, (_, at): PlannedSender => {
    const name = `sender-${at}`;
    const files = Array.from({ length: between(1, 7) }, (_, number) => {
      const size = hasLong && at === 0 && number === 0 ? pick(LONG) + between(0, 9) : pick(SIZES);
      return { name: `${name}-${number}`, size };
    });
    const bufferBytes = pick(hasLong ? LONG_BUFFERS : BUFFERS);
    return { name, queue: pick(queues), bufferBytes, startMs: between(0, 500), files };
  });
  const receiver = (queue: string, at: number): PlannedReceiver => ({
    ...{ name: `receiver-${at}`, queue, bufferBytes: pick(hasLong ? LONG_BUFFERS : BUFFERS) },
    ...{ follow: next() < 0.5, startMs: between(0, 800) },
  });
  const extra = next() < 0.4 ? [pick(queues)] : [];
  const receivers = [...queues, ...extra].map(receiver);
  const hookMs = next() < 0.25 ? pick([0, 20, 300]) : undefined;
  const machines = [...senders, ...receivers].map(({ name }) => name);
  const largest = Math.max(...senders.flatMap(({ files }) => files.map(({ size }) => size)));
  const KINDS: readonly Fault["kind"][] = [
    ...["kill", "kill", "kill", "power", "power", "cut", "cut", "silence", "damage"],
    ...["restart", "slow", "full", "unsynced", "clock"],
  ] as Fault["kind"][];
  const faults = Array.from({ length: between(0, 8) }, (): Fault => {
    const kind = pick(KINDS);
    const isServers = kind === "restart" || next() < 0.45;
    const forMs = kind === "clock" ? pick([-HOUR_MS, HOUR_MS]) : pick([0, 50, 500, 3000, 40_000]);
    return { atStep: between(1, pick([100, 400, 1500])), kind, machine: isServers ? "server" : pick(machines), forMs };
  });
  const plan: Plan = {
    ...{ seed, senders, leaseMs: pick([2000, 30_000]), networkMs: pick(hasLong ? [0.1, 1] : [0.1, 5, 60]) },
    receivers: receivers.map((planned) => (hookMs === undefined ? planned : { ...planned, hookMs })),
    spoolBytesMax: next() < 0.2 ? Math.max(2 * largest, 2 * MiB) : Number.POSITIVE_INFINITY,
    queueFilesMax: next() < 0.2 ? between(1, 4) : 1000,
    serverBufferBytes: pick(hasLong ? LONG_BUFFERS : BUFFERS),
    faults: faults.sort((a, b) => a.atStep - b.atStep),
  };
  return next() < 0.4 ? withStreams(plan, () => next() < 0.4) : plan;
}

/** Some of the files are streams. What is left of those that were begun takes room until it expires, so room is no matter. */
function withStreams(plan: Plan, chance: () => boolean): Plan {
  const senders = plan.senders.map((sender) => ({
    ...sender,
    files: sender.files.map((file) => (chance() ? { ...file, isStream: true } : file)),
  }));
  return { ...plan, senders, spoolBytesMax: Number.POSITIVE_INFINITY, queueFilesMax: 1000 };
}
