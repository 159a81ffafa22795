/**
 * The gate that lets in a peer with a valid token: it reads the file of tokens.ts, and slows down
 * guessing.
 *
 * The file is read again whenever it has changed. It is checked at each connection, and once a
 * second for those that are there. So a revoked token opens nothing from that moment on, and what
 * it had opened is closed within a second or so, without a restart and without a signal. If the
 * file cannot be read, or is damaged, the tokens that were known go on, and `onError` hears of it.
 * A file that is gone has no tokens, and lets nobody in.
 *
 * Refusals are counted by address (IPv6: by its first 64 bits, which is what one customer gets).
 * Each address may be refused FAILURES_MAX times. Then it is refused at once, even with a right
 * token, and gets one more try each FORGIVE_MS. Guessing 256 bits is hopeless anyway; this bounds
 * the noise, and the work of answering it. Why: adr/0037.
 */
import { statSync } from "node:fs";
import { FilespoolError, known } from "../../../protocol/errors.ts";
import { type Access, type Gate, matchesQueue, type Right } from "../../server/access.ts";
import { fits, isExpired, readTokens, type TokenRecord, tokenId } from "./tokens.ts";

// A person pastes a wrong token a few times. A program that guesses needs far more tries.
export const FAILURES_MAX = 10;
export const FORGIVE_MS = 6_000;
/** Most addresses remembered. Beyond that, the ones that failed longest ago are forgotten. */
const ADDRESSES_MAX = 10_000;

export interface TokenGateOptions {
  readonly file: string;
  /** Milliseconds since the epoch: tokens expire by the calendar. */
  readonly now?: () => number;
  /** Called when the file cannot be used; the tokens that were known go on. */
  readonly onError?: (error: FilespoolError) => void;
}

/**
 * The gate of one server. All of it is synchronous: a connection is admitted or refused before its
 * next frame is read, and no two of them see two states of the file at one moment.
 */
export class TokenGate implements Gate {
  readonly #options: TokenGateOptions;
  readonly #now: () => number;
  /**
   * What the file said last, by id. The id is no secret, so its look-up may take any time. The
   * secret is compared in constant time (tokens.ts).
   */
  #tokens = new Map<string, TokenRecord>();
  /** The state of the file when it was read last: see `look`. */
  #seen = "";
  /**
   * When the file was last looked at, on the clock of `performance`: a calendar that is set back
   * must not keep a revoked token alive.
   */
  #lookedAtMs = 0;
  /**
   * Refused attempts by neighbourhood, the one that failed longest ago first. `count` was right at
   * `sinceMs`; since then it shrinks by one each FORGIVE_MS.
   */
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();

  /**
   * Reads the file.
   * @throws FilespoolError file-unreadable: a server must not start with a file that it cannot use
   */
  constructor(options: TokenGateOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#seen = look(options.file);
    this.#use(readTokens(options.file));
  }

  /**
   * Lets a connection in, with the rights of its token.
   * @throws FilespoolError token-refused; too-many-failures, for a right token as well, or guessing
   * would go on behind the refusals
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
      // One sentence for all cases, so that a guesser does not learn which ids exist.
      const why = token === undefined ? "this server asks for a token" : "the token is unknown, expired or revoked";
      throw new FilespoolError("token-refused", why);
    }
    return this.#accessOf(record.id, token ?? "");
  }

  /**
   * What a connection keeps of its admission. `isOver` asks with the token itself and not with its
   * id: after a rotation the id lives on, and the old secret must not.
   */
  #accessOf(id: string, token: string): Access {
    // The question is kept, not the answer: a connection has the rights that its token has now.
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

  /**
   * Whether a token was revoked, has expired, or was replaced by a rotation whose grace is over.
   */
  #isOver(token: string, record: TokenRecord | undefined): boolean {
    this.#refresh();
    return !fits(token, record, this.#now());
  }

  /**
   * Reads the file if it has changed. A look is a system call, so 20,000 files a second share one
   * in each `everyMs`.
   */
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

  /** Takes over a new state of the file. A token that was removed from it is gone here too. */
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
   * Counts one more refusal. First it takes off what was forgiven, so that an old mistake does not
   * count for ever.
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
 * Identifies a state of the file. A rename brings a new inode, so two changes within one tick of
 * the clock differ. A missing file has a state as well, the code of its error, so that its coming
 * back is a change.
 */
function look(file: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code}`;
  }
}

/** What one customer of a network provider has: one IPv4 address, or 2^64 of IPv6. */
function neighbourhood(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/.exec(address);
  if (mapped) return mapped[1] as string;
  if (!address.includes(":")) return address;
  const [left = "", right] = address.split("::");
  const groupsOf = (part: string): string[] => part.split(":").filter(Boolean);
  const [before, behind] = [groupsOf(left), groupsOf(right ?? "")];
  // "::" stands for as many groups of zeroes as are missing. The first four of eight groups count.
  const zeroes = Array(Math.max(0, 8 - before.length - behind.length)).fill("0");
  return [...before, ...zeroes, ...behind].slice(0, 4).join(":");
}
