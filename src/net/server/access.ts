/**
 * Access: who may do what. Here are the question that a server asks about each connection, and the
 * answer.
 *
 * The core knows a `Gate`, and not how it decides. Without a gate every client that reaches the
 * port may do everything. That is why a server listens on this machine only, unless its options say
 * otherwise (`missingProtection`). The gate of this project keeps tokens in a file: token-gate.ts,
 * an extension. On every path this holds:
 *
 *   1. The server does nothing for a peer, nor against another, before `admit` has let it in.
 *   2. `demand` is asked again at each use, so that a right that was taken away is gone at once.
 *
 * Why tokens per queue, and what they do not protect from: adr/0037.
 */
import { isIPv4 } from "node:net";
import { FilespoolError } from "../../protocol/errors.ts";
import { isQueueName } from "../../protocol/messages.ts";

/** Put files in, take files out, look into queues and change them. */
export const RIGHTS = ["send", "collect", "manage"] as const;
export type Right = (typeof RIGHTS)[number];

/** What one connection may do. */
export interface Access {
  /**
   * Names the holder of the token in logs and events. Never a secret. Null: there was no gate to
   * ask.
   */
  readonly id: string | null;
  allows(right: Right, queue: string): boolean;
  /**
   * The right to be here at all has ended since: revoked, or expired. The server asks once a
   * second.
   */
  readonly isOver: boolean;
}

export interface Gate {
  /**
   * Lets a peer in, or not.
   * @param address where the connection comes from, so that a gate can slow down guessing from
   * there
   * @throws FilespoolError token-refused, too-many-failures
   */
  admit(token: string | undefined, address: string): Access;
}

/** The access of every client of a server without a gate. */
export const EVERYBODY: Access = { id: null, allows: () => true, isOver: false };

/** @throws FilespoolError not-allowed */
export function demand(access: Access, right: Right, queue: string): void {
  if (access.allows(right, queue)) return;
  throw new FilespoolError("not-allowed", `the token does not give the right to ${right} in the queue "${queue}"`);
}

/**
 * Names and addresses that only this machine can reach. A name other than "localhost" is not looked
 * up: what it leads to may change while the server runs, so it counts as open.
 */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (host.startsWith("127.") && isIPv4(host));
}

/** What a server has to protect itself with. */
export interface Exposure {
  readonly host: string;
  readonly hasTls: boolean;
  readonly hasGate: boolean;
  /** The options say that it may be reached unprotected. */
  readonly insecure: boolean;
}

/**
 * What is missing before a server may listen where other machines can reach it; null when nothing
 * is.
 */
export function missingProtection({ host, hasTls, hasGate, insecure }: Exposure): string | null {
  if (insecure || isLoopback(host) || (hasTls && hasGate)) return null;
  return hasTls ? "tokens" : hasGate ? "encryption" : "encryption and tokens";
}

/** A queue name, or a pattern that ends with its only "*". */
export const isQueuePattern = (text: string): boolean =>
  text === "*" || isQueueName(text.endsWith("*") ? text.slice(0, -1) : text);

/** Whether one of the patterns is about this queue. */
export const matchesQueue = (patterns: readonly string[], queue: string): boolean =>
  patterns.some((pattern) => (pattern.endsWith("*") ? queue.startsWith(pattern.slice(0, -1)) : pattern === queue));
