/**
 * What a person can do about each error: the half of a message that the library cannot know.
 *
 * The library says what happened and to which file or address. What helps depends on the reader: a program gets the code,
 * and a person at a command line gets a command, an option, or a thing to check. The table is exhaustive, so nobody can add
 * a code without deciding what a person should do about it.
 *
 * Only people get hints. Programs get the code, which is stable; these sentences may change at any time. Whose fault an
 * error is, and whether another try can help: protocol/errors.ts (adr/0017).
 */
import type { ErrorCode } from "../../protocol/errors.ts";

// Hints that several errors share.
const AGAIN = "run the same command again; it continues where this run stopped";
const LATER = "try again later; --retry 1h keeps trying for an hour";
const NOT_OURS = "check that --host and --port lead to a filespool server, and not to another program";
const COPY = "add --again to store it as a new file";

/** Null where the message says it already, or where nothing can be done at this end. */
const HINTS: Readonly<Record<ErrorCode, string | null>> = {
  // The connection. Either nobody has to change anything, or the address is wrong.
  unreachable: "check --host and --port, and that the server runs (filespool serve); --retry 1m waits for it",
  // The run has used up its retries. The server keeps what it has, and a new run has new patience.
  "connection-lost": AGAIN,
  "timed-out": `${NOT_OURS}; if they do, ${AGAIN}`,
  "frame-damaged": AGAIN,
  // What arrives is not what filespool sends. Nearly always another program answers.
  "not-filespool": NOT_OURS,
  "version-unsupported": "install the same version of filespool on both ends",
  "frame-too-large": NOT_OURS,
  "frame-unknown": NOT_OURS,
  "frame-unexpected": NOT_OURS,
  "message-invalid": NOT_OURS,
  "offset-gap": NOT_OURS,
  "size-mismatch": NOT_OURS,
  flood: NOT_OURS,
  // Checksums protect the network, so one of the two machines has changed the content.
  "digest-mismatch": "run it again; if it fails again, check the disk and the memory of both machines",
  // Rights and encryption.
  "token-refused": "give a valid token with FILESPOOL_TOKEN or --token-file, or ask for a new invite",
  "not-allowed": "ask the operator of the server for a token with that right (filespool token create)",
  "role-unsupported": "no token helps: ask the operator of the server to run filespool serve instead",
  "too-many-failures": LATER,
  "tls-failed": "add --tls, or use an invite",
  "certificate-refused":
    "ask the operator of the server for its fingerprint (filespool token list shows it), and give it with --fingerprint",
  // Refused for good. The same command will fail again, so each hint says what to change.
  "name-refused": "rename the file, and send it again",
  "file-too-large": "the limit is set on the server: serve --max-file-size",
  "kind-unsupported": "collect it with a newer version of filespool",
  "archive-refused": "send the folder again with filespool, or collect it as an archive: --output - > FILE.tar",
  "transfer-conflict": COPY,
  "transfer-unknown": AGAIN,
  "digest-unsupported": "use --digest sha256, which every server knows",
  // What happened to a file after it was stored.
  "transfer-ended": null,
  cancelled: COPY,
  expired: `the limit is set on the server: serve --file-ttl; ${COPY}`,
  "peer-failed": "this is a bug at the other end: tell its operator, who finds more in its log",
  "dead-letter": "filespool dead shows why the deliveries failed; filespool requeue puts the file back into its queue",
  // Not a failure of the file: somebody started the command twice, and the newer run sends it.
  superseded: "the same transfer was started again elsewhere and goes on there",
  "lease-lost": AGAIN,
  // Refused for now. Where somebody can make room, that comes first.
  "shutting-down": LATER,
  "connections-full": LATER,
  "uploads-full": LATER,
  "queue-full": `collect files from that queue, or ${LATER}`,
  "queues-full": `send to a queue that is in use, raise serve --max-queues, or ${LATER}`,
  "spool-full": `collect files, raise serve --max-spool-size, or ${LATER}`,
  "index-full": `collect files, raise serve --max-index-size, or ${LATER}`,
  "disk-full": `make room on the disk, or ${LATER}`,
  "storage-failed": `ask the operator of the server to check its disk and its log; then ${AGAIN}`,
  uncollected: "the file stays in its queue; filespool status shows later whether somebody has collected it",
  stalled: AGAIN,
  // On this machine.
  "file-unreadable": "check the path, and that you may read it",
  "file-changed":
    "send it again when no program writes to it, or send its present content: filespool send --name NAME - < FILE",
  "file-exists": "add --if-exists rename, overwrite or skip",
  "command-failed":
    "the file is back in its queue; repair the command and collect again (filespool dead shows files that failed too often)",
  "target-refused":
    "the file stays in its queue, and becomes a dead letter after some attempts: collect it into another folder (--out, --output)",
  "folder-unusable": "check that the folder exists and that you may write to it, or name another folder",
  "address-unusable":
    "use an address of this machine and a free port: --host, --port (for metrics: --metrics-host, --metrics-port)",
  "spool-locked": "stop the other server, or use another folder: --spool",
  "spool-unusable": "check the folder, its permissions and its disk, or use another folder: --spool",
  // For clients only: they can continue.
  interrupted: AGAIN,
  // The only error that is our fault. The person cannot repair it.
  internal: "this is a bug in filespool: run the command with --verbose for details, and please report it",
};

/** Instead, for a command that talks to no server: --retry does not help, and the disk is the own one. */
const AT_HOME: Partial<Record<ErrorCode, string | null>> = {
  "disk-full": "make room on that disk, or use another one",
  "connections-full": "allow more open files: ulimit -n",
  "tls-failed": "check --tls-cert and --tls-key: a certificate and the key that belongs to it, both in PEM",
  // Neither a cancelled question nor a stopped server leaves anything to continue.
  interrupted: null,
};

/** Instead, for the commands that look after a server. */
const FOR_OPERATORS: Partial<Record<ErrorCode, string | null>> = {
  "transfer-unknown": "check the id: filespool list QUEUE shows those of a queue, filespool dead those of dead letters",
  "connection-lost": "run the same command again",
};

/** What a run has to do with a server, as far as hints depend on it. */
export interface Situation {
  /** host:port of the server; null for a command that talks to none. */
  readonly server: string | null;
  readonly isEncrypted?: boolean;
  readonly isOperator?: boolean;
}

/**
 * One line for a person, or null. The command line's own errors ("usage") have no hint: their messages say what to type.
 * @param message what happened; some hints depend on what the system said
 */
export function hintFor(code: string, situation: Situation = CLIENT, message = ""): string | null {
  if (!Object.hasOwn(HINTS, code)) return null;
  const known = code as ErrorCode;
  if (known === "address-unusable" && message.includes("(EACCES)")) return LOW_PORT;
  if (situation.server === null && known in AT_HOME) return AT_HOME[known] ?? null;
  if (situation.isOperator && known in FOR_OPERATORS) return FOR_OPERATORS[known] ?? null;
  if (known === "tls-failed" && situation.isEncrypted) return NO_TLS;
  return HINTS[known];
}

const CLIENT: Situation = { server: "" };
const LOW_PORT = "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another port with --port";
const NO_TLS = "leave out --tls, --tls-ca and --fingerprint, or start the server with --tls";
