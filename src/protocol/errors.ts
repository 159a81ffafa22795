/**
 * The closed table of errors: every way in which a transfer can fail, whose fault it is, and
 * whether it can help to try again.
 *
 * Three shapes stand for three things in this project. "Not yet" is `null`. A broken rule is a
 * `FilespoolError` with a code from this table. Our own bug is an `assert`. A failure that passes,
 * such as a full disk, must never look like one that stays. A sender that hears "no" when the
 * answer is "later" loses the file, and one that hears "later" when the answer is "no" never ends.
 * SMTP has kept the two apart since RFC 821; so does this table. Why it is closed: adr/0017.
 *
 * Read next: limits.ts, whose numbers most of these errors defend.
 */

/**
 * What a failure means to the person at the terminal. The command line makes an exit code of it.
 *
 *   unreachable  nothing answers, or the connection broke
 *   refused      the answer is no, until somebody changes the request
 *   temporary    the answer is no for now
 *   integrity    bytes changed, or the other end broke a rule of the protocol
 *   local        a file, a folder or an address on this machine cannot be used
 *   bug          the program is wrong
 */
export type ErrorKind = "unreachable" | "refused" | "temporary" | "integrity" | "local" | "bug";

/** Who has to change something. "network" means that nobody at either end can. */
export type Fault = "client" | "server" | "network" | "bug";

/** What the table says of one code. */
interface Row {
  readonly kind: ErrorKind;
  readonly fault: Fault;
  /**
   * Whether the same request may succeed later although nobody changes it. Clients go by this and
   * by nothing else.
   */
  readonly retry: boolean;
  /**
   * What people read where nobody knows more. It begins small, because other words may stand before
   * it.
   */
  readonly means: string;
}

const row = (kind: ErrorKind, fault: Fault, retry: boolean, means: string): Row => ({ kind, fault, retry, means });

/**
 * Every code that can appear in a message, a `FilespoolError` or a `--json` event. Codes are
 * published: a code keeps its name and its meaning. A new one needs its row here, and the answer to
 * one question: may a client come back by itself?
 */
export const ERRORS = {
  // The road between the two ends.
  unreachable: row("unreachable", "network", true, "no server answers at that address"),
  "connection-lost": row("unreachable", "network", true, "the connection ended in the middle of the conversation"),
  "timed-out": row("unreachable", "network", true, "the other end was silent for too long"),
  "frame-damaged": row("integrity", "network", true, "a checksum does not match: bytes changed on the way"),

  // The peer does not speak the protocol. Another attempt would end in the same way.
  "not-filespool": row(
    "integrity",
    "client",
    false,
    "the other end does not speak this protocol: its bytes are not frames",
  ),
  "version-unsupported": row("refused", "client", false, "the two ends share no protocol version"),
  "frame-too-large": row("integrity", "client", false, "a frame announces more bytes than its type may have"),
  "frame-unknown": row(
    "integrity",
    "client",
    false,
    "the type of a frame is unknown, and the frame is not marked as optional",
  ),
  "frame-unexpected": row("integrity", "client", false, "the frame is not allowed at this point of the conversation"),
  "message-invalid": row("integrity", "client", false, "a control frame does not match its schema"),
  "offset-gap": row("integrity", "client", false, "bytes are missing before the data that arrived"),
  "size-mismatch": row("integrity", "client", false, "more or fewer bytes were sent than the offer said"),
  flood: row("integrity", "client", false, "too many frames without progress"),

  // The content is not what its digest says. The network or a disk may be at fault, so a client
  // tries again, from the first byte.
  "digest-mismatch": row("integrity", "network", true, "the content does not match its digest"),

  // It is not clear who is at the other end, or what a client may do.
  "token-refused": row("refused", "client", false, "the token is missing, unknown, expired or revoked"),
  "not-allowed": row("refused", "client", false, "the token does not allow that"),
  "role-unsupported": row("refused", "client", false, "the server does not serve that kind of client"),
  "too-many-failures": row(
    "temporary",
    "client",
    true,
    "too many tokens from that address were refused in a short time",
  ),
  "tls-failed": row("refused", "client", false, "the two ends do not agree on encryption"),
  "certificate-refused": row("refused", "server", false, "the server's certificate cannot be trusted"),

  // Refused for good.
  "name-refused": row("refused", "client", false, "the name of the file or queue is not safe to use"),
  "file-too-large": row("refused", "client", false, "the file is larger than the server accepts"),
  "transfer-conflict": row("refused", "client", false, "another file already has this transfer id"),
  "transfer-unknown": row("refused", "client", false, "there is no such transfer"),
  "kind-unsupported": row("refused", "client", false, "this version cannot receive that kind of transfer"),
  "archive-refused": row("refused", "client", false, "the archive of a folder is damaged or not safe to unpack"),
  "digest-unsupported": row("refused", "client", false, "the server does not know that digest"),
  superseded: row("refused", "client", false, "a newer connection has taken over"),
  "transfer-ended": row("refused", "client", false, "the transfer is over already"),
  cancelled: row("refused", "client", false, "an operator has cancelled this transfer"),
  expired: row("refused", "client", false, "nobody collected the file before it expired"),
  "peer-failed": row("refused", "server", false, "the other end reports a bug of its own"),
  "dead-letter": row("refused", "client", false, "delivery failed too often, and the file is a dead letter"),
  "lease-lost": row("refused", "client", false, "the delivery is no longer leased to this receiver"),

  // Refused for now.
  "shutting-down": row("temporary", "server", true, "the server is shutting down"),
  "connections-full": row("temporary", "server", true, "the server has as many connections as it allows"),
  "uploads-full": row("temporary", "server", true, "the server has as many unfinished uploads as it allows"),
  "queue-full": row("temporary", "server", true, "the queue holds as many files as it may"),
  "queues-full": row("temporary", "server", true, "the server has as many queues as it allows"),
  "spool-full": row("temporary", "server", true, "the spool holds as many bytes as it may"),
  "index-full": row("temporary", "server", true, "the server's index is as large as it may be"),
  "disk-full": row("temporary", "server", true, "the server's disk is full"),
  "storage-failed": row(
    "temporary",
    "server",
    true,
    "the server cannot use its disk; the people who run it have to look",
  ),
  uncollected: row("temporary", "network", true, "nobody has collected the file yet"),
  stalled: row("temporary", "client", true, "the other end took too long to send or take the next bytes"),

  // On this machine.
  "file-unreadable": row("local", "client", false, "a local file cannot be read"),
  "file-changed": row("local", "client", false, "the file changed while it was being sent"),
  "file-exists": row("local", "client", false, "the target folder already has a file of that name"),
  "command-failed": row("local", "client", false, "the command for a landed file failed"),
  "target-refused": row("local", "client", false, "the target folder cannot take a file of that size or name"),
  "folder-unusable": row("local", "client", false, "a local folder cannot be used"),
  "address-unusable": row("local", "server", false, "the server cannot listen on that address"),
  "spool-locked": row("local", "server", false, "another server is using this spool folder"),
  "spool-unusable": row("local", "server", false, "the server cannot use its spool"),

  interrupted: row("temporary", "client", true, "stopped on request"),
  internal: row("bug", "bug", false, "a bug in filespool"),
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether this version knows the code. A newer peer may send others. */
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

/**
 * A broken rule. `message` says what happened, to which file or address, and what a person can do
 * about it.
 */
export class FilespoolError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  /** Whether the same request may succeed later. */
  readonly retry: boolean;

  /**
   * @param detail what happened in this case; without it, the message is what the code means in
   * general
   */
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ?? ERRORS[code].means, options);
    this.name = "FilespoolError";
    this.code = code;
    this.kind = ERRORS[code].kind;
    this.retry = ERRORS[code].retry;
  }
}

/**
 * Makes a FilespoolError of anything that was thrown. What is none becomes a bug of ours, with its
 * cause.
 */
export function known(error: unknown): FilespoolError {
  if (error instanceof FilespoolError) return error;
  return new FilespoolError("internal", `internal error: ${(error as Error)?.message ?? error}`, { cause: error });
}

/**
 * The part of an error that goes into a message or an event. It is bounded, because it may quote
 * what a peer sent.
 */
export function failure({ code, message }: FilespoolError): { code: ErrorCode; message: string } {
  return { code, message: message.slice(0, 500) };
}

/**
 * The same, as a server tells it to a client.
 *
 * What is about the client's own frames and files, the client hears in full. Of the server's disk,
 * folders and bugs it hears only that there is something. Paths, and the words of an operating
 * system, are nobody else's business. A local code would be about the wrong machine there, and
 * would make people search their own; the client hears `storage-failed` instead.
 */
export function failureForPeer({ code, kind, message }: FilespoolError): { code: ErrorCode; message: string } {
  const told = kind === "local" ? "storage-failed" : code;
  const isTheirs = kind === "integrity" || kind === "refused" || kind === "unreachable";
  return { code: told, message: isTheirs ? message.slice(0, 500) : ERRORS[told].means };
}

/**
 * The same, as a client tells it to a server when it leaves. A local code stays as it is, because
 * the server knows that it is about the client's machine. The server does not hear paths.
 */
export function goodbye(error: FilespoolError): { code: ErrorCode; message: string } {
  const { code, kind } = error;
  return kind === "local" ? { code, message: ERRORS[code].means } : failureForPeer(error);
}

/**
 * The error that a server's message stands for, in the client that reads it.
 *
 * What a server says of itself is about its own disk, its own bugs and its own users. A client that
 * took it for its own would send a person to look in the wrong place, or end as if somebody had
 * pressed Ctrl-C. So a bug becomes `peer-failed`, a local failure `storage-failed`, and
 * `interrupted` becomes `shutting-down`. A code that this version does not know breaks the rules of
 * this version. Why: adr/0079.
 * @param who how to name the server in the message
 */
export function asError(
  { code, message }: { readonly code: string; readonly message: string },
  who = "the server",
): FilespoolError {
  if (!isErrorCode(code)) return new FilespoolError("frame-unexpected", message);
  const { kind } = ERRORS[code];
  if (kind === "bug") return new FilespoolError("peer-failed", `${who} reports a bug of its own: ${message}`);
  if (kind === "local") return new FilespoolError("storage-failed", `${who} cannot go on: ${message}`);
  return new FilespoolError(code === "interrupted" ? "shutting-down" : code, message);
}

/**
 * The same in a server, for what a client says when it leaves. Only a client's bug must not look
 * like the server's.
 */
export function asGoodbye({ code, message }: { readonly code: string; readonly message: string }): FilespoolError {
  if (!isErrorCode(code)) return new FilespoolError("frame-unexpected", message);
  if (ERRORS[code].kind === "bug")
    return new FilespoolError("peer-failed", `the client reports a bug of its own: ${message}`);
  return new FilespoolError(code, message);
}

/**
 * Stops at a bug of ours. It throws a plain Error, not a FilespoolError, so that nothing handles it
 * as if a peer had broken a rule.
 */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`bug in filespool: ${what}`);
}
