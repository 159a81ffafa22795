/**
 * The gate that lets in whoever has a token: reads the file of tokens.ts, and slows down whoever guesses.
 *
 * The file is looked at again whenever it has changed, at each connection and once a second for those that are there. So a
 * token that was revoked opens nothing from that moment on, and what it had opened is closed within a second or so, without a
 * restart and without a signal. A file that cannot be read or is no such file changes nothing: what was known before goes
 * on, and somebody is told. A file that is gone has no tokens, and lets nobody in.
 *
 * Refusals are counted by address (IPv6: by its first 64 bits, which is what one customer gets). Each address may be refused
 * FAILURES_MAX times; then it is not listened to at all, right token or not, and gets one more try each FORGIVE_MS. Guessing
 * 256 bits is hopeless anyway. What this bounds is the noise, and the work of answering it. Why: adr/0037.
 */
import { statSync } from "node:fs";
import { FilespoolError, known } from "../../../protocol/errors.ts";
import { type Access, type Gate, matchesQueue, type Right } from "../../server/access.ts";
import { fits, isExpired, readTokens, type TokenRecord, tokenId } from "./tokens.ts";

// A person who pastes the wrong token does so a few times; a program that guesses needs far more tries than this.
export const FAILURES_MAX = 10;
export const FORGIVE_MS = 6_000;
/** Addresses remembered; beyond that the ones that failed longest ago are forgotten. */
const ADDRESSES_MAX = 10_000;

export interface TokenGateOptions {
  readonly file: string;
  /** Milliseconds since the epoch, since tokens expire by the calendar. */
  readonly now?: () => number;
  /** The file cannot be used at the moment, and what was known before goes on. */
  readonly onError?: (error: FilespoolError) => void;
}

/**
 * The gate of one server. All of it is synchronous: a connection is either admitted or refused before its next frame
 * is read, and two of them cannot see two states of the file at one moment.
 */
export class TokenGate implements Gate {
  readonly #options: TokenGateOptions;
  readonly #now: () => number;
  /**
   * What the file said last, by id. The id is no secret, so looking it up tells nothing by its time; the secret is
   * compared in constant time (tokens.ts).
   */
  #tokens = new Map<string, TokenRecord>();
  /** What the file looked like when it was read. */
  #seen = "";
  /**
   * When the file was last looked at, on the monotonic clock: a clock that is set back must not keep a revoked token
   * alive.
   */
  #lookedAtMs = 0;
  /**
   * Refused attempts by neighbourhood, the one that failed longest ago first; a fraction of one is forgiven with each
   * moment.
   */
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();

  /** @throws FilespoolError file-unreadable: to begin with a file that cannot be used would let in nobody, or anybody */
  constructor(options: TokenGateOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#seen = look(options.file);
    this.#use(readTokens(options.file));
  }

  /**
   * Lets a connection in, with the rights of its token.
   * @throws FilespoolError token-refused; too-many-failures, also for a right token, or guessing would go on behind
   * the refusals
   */
  admit(token: string | undefined, address: string): Access {
    const nowMs = this.#now();
    const home = neighbourhood(address);
    if (this.#failuresOf(home, nowMs) >= FAILURES_MAX)
      throw new FilespoolError("too-many-failures", "too many refused tokens from your address; wait a minute");
    this.#refresh(0);
    const record = this.#tokens.get(tokenId(token ?? "") ?? "");
    if (!fits(token ?? "", record, nowMs) || record === undefined) {
      this.#failed(home, nowMs);
      // One sentence for all cases, so that nobody learns which ids there are; only "none at all" is no secret.
      const why = token === undefined ? "this server asks for a token" : "the token is unknown, expired or revoked";
      throw new FilespoolError("token-refused", why);
    }
    return this.#accessOf(record.id, token ?? "");
  }

  /**
   * What the connection keeps of its admission. `isOver` asks with the token itself and not with its id: after a
   * rotation the id lives on, and the old secret must not.
   */
  #accessOf(id: string, token: string): Access {
    // What is kept is the question, not the answer: the rights of a connection are those of its token now.
    const isOver = () => this.#isOver(token, this.#tokens.get(id));
    const current = (): TokenRecord | undefined => this.#tokens.get(id);
    return {
      id,
      allows: (right: Right, queue: string) => {
        this.#refresh();
        const record = current();
        if (!record || isExpired(record, this.#now())) return false;
        return record.rights.includes(right) && matchesQueue(record.queues, queue);
      },
      get isOver(): boolean {
        return isOver();
      },
    };
  }

  /** Expired, revoked, or replaced by a rotation whose grace is over: all three end what the token has opened. */
  #isOver(token: string, record: TokenRecord | undefined): boolean {
    this.#refresh();
    return !fits(token, record, this.#now());
  }

  /** Reads the file if it has changed. A look costs a system call, so for 20,000 files a second one in 100 ms has to do. */
  #refresh(everyMs = 100): void {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < everyMs) return;
    this.#lookedAtMs = nowMs;
    const seen = look(this.#options.file);
    if (seen === this.#seen) return;
    this.#seen = seen;
    try {
      this.#use(readTokens(this.#options.file));
    } catch (error) {
      this.#options.onError?.(known(error));
    }
  }

  /** A whole new map and not changes to the old one: what was removed from the file is then gone here as well. */
  #use(tokens: readonly TokenRecord[]): void {
    this.#tokens = new Map(tokens.map((record) => [record.id, record]));
  }

  /** Refusals of an address that are not forgiven yet. */
  #failuresOf(home: string, nowMs: number): number {
    const failed = this.#failures.get(home);
    if (!failed) return 0;
    return Math.max(0, failed.count - Math.max(0, nowMs - failed.sinceMs) / FORGIVE_MS);
  }

  /**
   * One more refusal. What was forgiven until now is taken off first, so that an old mistake does not count for ever.
   */
  #failed(home: string, nowMs: number): void {
    const count = this.#failuresOf(home, nowMs) + 1;
    this.#failures.delete(home); // so that it is the newest
    this.#failures.set(home, { count, sinceMs: nowMs });
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined && this.#failures.size > ADDRESSES_MAX) this.#failures.delete(oldest);
  }
}

/**
 * Which state of the file it is. Renaming makes a new inode, so also changes within one tick of the clock are seen. A
 * file that is not there has a state as well: the code of the error, so that its coming back is a change.
 */
function look(file: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code}`;
  }
}

/** What one customer of a network provider has: an IPv4 address, or 2^64 of IPv6. */
function neighbourhood(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/.exec(address);
  if (mapped) return mapped[1] as string;
  if (!address.includes(":")) return address;
  const [left = "", right] = address.split("::");
  const groupsOf = (part: string): string[] => part.split(":").filter(Boolean);
  const [before, behind] = [groupsOf(left), groupsOf(right ?? "")];
  // What "::" stands for are as many groups of zeroes as are missing; the first four of eight groups count.
  const zeroes = Array(Math.max(0, 8 - before.length - behind.length)).fill("0");
  return [...before, ...zeroes, ...behind].slice(0, 4).join(":");
}
