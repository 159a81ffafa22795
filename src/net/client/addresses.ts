/**
 * Reaches a host that may have several addresses, by a deadline.
 *
 * A name has an address of each kind, as a rule, and one of the two may lead nowhere. Who tries one after the other waits
 * for the dead one; who gives the first one up after a moment never reaches a server that is merely far away. So the addresses are
 * tried side by side: the next one begins 250 ms after the one before it, or when that has failed. None is given up before
 * the deadline. The first that connects is taken, and the others end. That is RFC 8305, sections 4 and 5 ("Happy Eyeballs").
 *
 *   0 ms    [2001:db8::1]  ......................... no answer
 *   250 ms  192.0.2.7      .... connected: taken, and the other one ends
 *
 * Node's own `autoSelectFamily` ends an attempt when the next one begins. Never here: encryption (tls.ts). Why: adr/0080.
 */
import { lookup } from "node:dns/promises";
import { isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";

/** Between two beginnings, ms: the "Connection Attempt Delay" of RFC 8305. */
const STAGGER_MS = 250;

/** One address of a host. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

export interface Reach {
  readonly host: string;
  readonly port: number;
  /** For all of it: looking the name up, and connecting. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Begins to connect to an address. */
  readonly open: (address: string) => Socket;
  /** All addresses of a name; the system's, unless given. */
  readonly lookup?: (host: string) => Promise<readonly Address[]>;
}

const bySystem = (host: string): Promise<Address[]> => lookup(host, { all: true });

/**
 * The first socket that connects. No other one is left open.
 * @throws FilespoolError unreachable, with the reason of each address; interrupted
 */
export async function reach({ host, port, timeoutMs, signal, open, lookup = bySystem }: Reach): Promise<Socket> {
  const over = new AbortController();
  const end = AbortSignal.any([over.signal, ...(signal ? [signal] : [])]);
  const late = setTimeout(() => over.abort(), timeoutMs);
  const sockets = new Set<Socket>();
  try {
    const addresses = isIP(host) ? [{ address: host, family: isIP(host) }] : await before(end, lookup(host));
    if (addresses === null) throw new Error(noAnswer(timeoutMs, "to the question for its address"));
    const won = await race(alternating(addresses), { open, end, sockets, timeoutMs });
    sockets.delete(won);
    return won;
  } catch (error) {
    throw signal?.aborted ? new FilespoolError("interrupted") : unreachable(host, port, error);
  } finally {
    clearTimeout(late);
    over.abort();
    for (const socket of sockets) socket.destroy();
  }
}

export function unreachable(host: string, port: number, error: unknown): FilespoolError {
  const why = error instanceof NoAddress ? error.message : describe(error);
  return new FilespoolError("unreachable", `cannot reach a server at ${host}:${port}: ${why}`);
}

/** No address of several could be reached; it says why, for each. */
class NoAddress extends Error {}

/** Families in turn, beginning with what the system put first (RFC 8305, section 4). */
function alternating(addresses: readonly Address[]): string[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const ordered = addresses.flatMap((_, index) => [first[index], others[index]]);
  return ordered.flatMap((address) => (address ? [address.address] : []));
}

interface Racing extends Pick<Reach, "open" | "timeoutMs"> {
  readonly end: AbortSignal;
  /** All that were opened. */
  readonly sockets: Set<Socket>;
}

async function race(addresses: readonly string[], { open, end, sockets, timeoutMs }: Racing): Promise<Socket> {
  const reasons = new Map<string, unknown>();
  const attempts: Promise<Socket>[] = [];
  for (const [index, address] of addresses.entries()) {
    const socket = open(address);
    sockets.add(socket);
    const attempt = new Promise<Socket>((resolve, reject) => {
      socket.once("connect", () => resolve(socket));
      socket.once("error", (error) => reject(error));
    });
    attempt.catch((error: unknown) => reasons.set(address, error));
    attempts.push(attempt);
    if (index === addresses.length - 1) break;
    // The next one begins when this one has failed, or has had its time; a socket that connected ends the race.
    const pause = new AbortController();
    const waited = sleep(STAGGER_MS, null, { signal: AbortSignal.any([end, pause.signal]) }).catch(() => null);
    const won = await Promise.race([Promise.any(attempts).catch(() => null), attempt.catch(() => null), waited]);
    pause.abort();
    if (won) return won;
    if (end.aborted) break;
  }
  const won = await before(
    end,
    Promise.any(attempts).catch(() => null),
  );
  if (won) return won;
  const tried = addresses.slice(0, attempts.length);
  const [only] = tried;
  if (tried.length === 1 && reasons.has(only as string)) throw reasons.get(only as string);
  if (tried.length === 1) throw new Error(noAnswer(timeoutMs));
  const said = (address: string) => (reasons.has(address) ? describe(reasons.get(address)) : noAnswer(timeoutMs));
  throw new NoAddress(tried.map((address) => `${address}: ${said(address)}`).join("; "));
}

/** What a promise gives, or null when the signal comes first. */
async function before<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | null> {
  promise.catch(() => {}); // nobody may be waiting for it any more
  if (signal.aborted) return null;
  let stop: () => void = () => {};
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener("abort", stop, { once: true });
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", stop));
}

const noAnswer = (ms: number, to = ""): string =>
  `no answer ${to}${to && " "}within ${ms / 1000} s (--connect-timeout)`;
