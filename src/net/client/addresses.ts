/**
 * Reaches a host that may have several addresses, before a deadline.
 *
 * Most names have an IPv6 and an IPv4 address, and one of the two may lead nowhere. A client that
 * tries one after the other waits for the dead one. A client that gives the first one up after a
 * moment never reaches a server that is merely far away. So the addresses are tried side by side:
 * the next one begins 250 ms after the one before it, or as soon as that one has failed. None is
 * given up before the deadline. The first that connects is taken, and the others end. That is RFC
 * 8305, sections 4 and 5 ("Happy Eyeballs").
 *
 *   0 ms    [2001:db8::1]  ......................... no answer
 *   250 ms  192.0.2.7      .... connected: taken, and the other one ends
 *
 * Node's own `autoSelectFamily` ends an attempt when the next one begins. Why: adr/0080.
 *
 * Invariant: when `reach` has ended, at most one socket is open, and its caller has it. Never here:
 * encryption (extensions/trust/tls.ts), and what is said on the socket (client.ts).
 */
import { lookup } from "node:dns/promises";
import { isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";

/** Time between two beginnings, ms: the "Connection Attempt Delay" of RFC 8305. */
const STAGGER_MS = 250;

/** One address of a host. `family` is 4 or 6. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** What is to be reached, and how. */
export interface Reach {
  readonly host: string;
  readonly port: number;
  /** Time for the look-up of the name and for connecting, together, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Begins to connect to an address. The socket reports the outcome by `connect` or `error`. */
  readonly open: (address: string) => Socket;
  /** Finds all addresses of a name. The system's resolver, unless given. */
  readonly lookup?: (host: string) => Promise<readonly Address[]>;
}

const bySystem = (host: string): Promise<Address[]> => lookup(host, { all: true });

/**
 * Connects. The result is the first socket that connects; all others are destroyed.
 * @throws FilespoolError unreachable, with the reason of each address; interrupted
 */
export async function reach({ host, port, timeoutMs, signal, open, lookup = bySystem }: Reach): Promise<Socket> {
  const over = new AbortController();
  const end = AbortSignal.any([over.signal, ...(signal ? [signal] : [])]);
  const late = setTimeout(() => over.abort(), timeoutMs);
  const sockets = new Set<Socket>();
  try {
    const addresses = isIP(host) ? [{ address: host, family: isIP(host) }] : await before(end, lookup(host));
    if (addresses === null) throw new Error(noAnswer(timeoutMs, "from the name look-up"));
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

/** The error of a server that could not be reached, with the reason in words. */
export function unreachable(host: string, port: number, error: unknown): FilespoolError {
  const why = error instanceof NoAddress ? error.message : describe(error);
  return new FilespoolError("unreachable", `cannot reach a server at ${host}:${port}: ${why}`);
}

/** None of several addresses could be reached. The message has the reason of each. */
class NoAddress extends Error {}

/**
 * Orders addresses by family in turn, beginning with the family that the system put first (RFC
 * 8305, section 4).
 */
function alternating(addresses: readonly Address[]): string[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const ordered = addresses.flatMap((_, index) => [first[index], others[index]]);
  return ordered.flatMap((address) => (address ? [address.address] : []));
}

interface Racing extends Pick<Reach, "open" | "timeoutMs"> {
  readonly end: AbortSignal;
  /** Every socket that was opened. `reach` destroys those that did not win. */
  readonly sockets: Set<Socket>;
}

/**
 * The race itself: one attempt more at each step, until one connects, all have failed, or `end`
 * comes.
 * @throws Error the only attempt's reason, or NoAddress with the reason of each
 */
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
    // The next one begins when this one has failed or has had its time. A socket that connects ends
    // the race, whichever attempt it belongs to.
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

/** The result of a promise, or null when the signal comes first. */
async function before<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | null> {
  promise.catch(() => {}); // it may fail after the signal, when nobody waits for it
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
