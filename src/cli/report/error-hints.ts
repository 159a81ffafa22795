/**
 * What to do about each error: the half of a message that the library cannot know.
 *
 * The library says what happened and to which file or address. What helps depends on who is listening: a
 * program gets the code, a person at a command line gets a command, a flag, or a thing to look at. The table is
 * exhaustive, so that a new code cannot be added without asking what a person should do about it.
 *
 * Advice is told to people only. Programs get the code, which is stable, while these sentences may be improved
 * at any time. Whose fault an error is, and whether it is worth another try: protocol/errors.ts (adr/0017).
 */
import type { ErrorCode } from "../../protocol/errors.ts";

// Advice that several errors share.
const AGAIN = "run the same command again: it continues where this one ended";
const LATER = "try again later, or let it try for longer, such as --retry 1h";
const NOT_OURS = "check that --host and --port lead to a filespool server, and not to another program";

/** Null where the message of the library says it already, or where nothing can be done at this end. */
const ADVICE: Readonly<Record<ErrorCode, string | null>> = {
  // The road between the two ends: nobody has to change anything, or the address is wrong.
  unreachable: "check --host and --port, and that a server runs there (filespool serve); --retry 1m waits for it",
  // Retries were made and are used up; what was durable is still there, and a new run begins with new patience.
  "connection-lost": AGAIN,
  "timed-out": `${NOT_OURS}; if so, ${AGAIN}`,
  "frame-damaged": AGAIN,
  // What arrives is not what this program says. Nearly always it is another program that answers.
  "not-filespool": NOT_OURS,
  "version-unsupported": "install the same version of filespool on both ends",
  "frame-too-large": NOT_OURS,
  "frame-unknown": NOT_OURS,
  "frame-unexpected": NOT_OURS,
  "message-invalid": NOT_OURS,
  "offset-gap": NOT_OURS,
  "size-mismatch": NOT_OURS,
  flood: NOT_OURS,
  // Checksums guard the wire, so what still differs was changed inside one of the machines.
  "digest-mismatch": "run it again; if that fails too, suspect a disk or the memory of one of the two machines",
  // Who is asking, and who answers.
  "token-refused": "give the token by FILESPOOL_TOKEN or --token-file, or ask for a new invite",
  "not-allowed": "ask whoever runs the server for a token with that right: filespool token create",
  "role-unsupported": "no token helps: ask whoever runs the server to run the full one (filespool serve)",
  "too-many-failures": LATER,
  "tls-failed": "give --tls or an invite where the server encrypts (serve --tls), and neither where it does not",
  "certificate-refused":
    "ask whoever runs the server which certificate it has: filespool token list shows its fingerprint",
  // Refused for good: the same command will fail again, so each of these says what to change.
  "name-refused": "rename the file, and send it again",
  "file-too-large": "the server decides: serve --max-file-size",
  "kind-unsupported": "collect it with a newer version of filespool",
  "archive-refused": "send the folder again with filespool; or collect it as the archive that it is: --no-unpack",
  "transfer-conflict": "add --again to store it as a new file",
  "transfer-unknown": AGAIN,
  "digest-unsupported": "use --digest sha256, which every server knows",
  // What became of a file after it was stored. Somebody decided it, or nobody came.
  "transfer-ended": null,
  cancelled: "add --again to store it as a new file",
  expired: "the server decides: serve --file-ttl; add --again to store it as a new file",
  "peer-failed": "this is a bug at the other end: tell whoever runs it, whose log says more",
  "dead-letter": "an operator sees why with filespool dead, and puts it back with filespool requeue",
  // Not a failure of the file: somebody started the command twice, and the newer one has it.
  superseded: "the same transfer was started once more, and goes on there",
  "lease-lost": AGAIN,
  // Refused for now. Where somebody can make room, that comes before waiting.
  "shutting-down": LATER,
  "connections-full": LATER,
  "uploads-full": LATER,
  "queue-full": `collect files from that queue; or ${LATER}`,
  "queues-full": `send to a queue that is in use, or raise serve --max-queues; or ${LATER}`,
  "spool-full": `collect files, or raise serve --max-spool-size; or ${LATER}`,
  "index-full": `collect files, or raise serve --max-index-size; or ${LATER}`,
  "disk-full": `make room on the disk; or ${LATER}`,
  "storage-failed": `nothing can be done here: whoever runs the server has to look at its disk and its log; then ${AGAIN}`,
  uncollected: "nothing is lost: it stays in its queue; ask later with filespool status, or wait for longer",
  stalled: AGAIN,
  // On this machine.
  "file-unreadable": "check the path, and that you may read it",
  "file-changed":
    "send it again when nobody changes it any more (rotate a log first), or send what is in it now: filespool send --name NAME - < FILE",
  "file-exists": "the choices are --if-exists rename, overwrite or skip",
  "command-failed":
    "the file is back in its queue; mend the command, and collect again (failed too often: see filespool dead)",
  "target-refused":
    "it stays in its queue, and is a dead letter after some attempts: collect it into another folder (--out, --output)",
  "folder-unusable": "check the path, and that you may write there, or name another one",
  "address-unusable":
    "take an address of this machine and a port that is free: --host, --port; for metrics --metrics-port",
  "spool-locked": "stop that server, or use another folder: --spool",
  "spool-unusable": "check the folder, its permissions and its disk, or use another one: --spool",
  // Said by report.ts, and only to clients: there is something to continue.
  interrupted: AGAIN,
  // The one error that is ours. It asks for a report, because nothing the person does will mend it.
  internal: "this is a bug in filespool; run it with --verbose for details, and please report it",
};

/** The same for who talks to no server: there is nothing to try for longer, and nobody else's disk. */
const AT_HOME: Partial<Record<ErrorCode, string | null>> = {
  "disk-full": "make room on that disk, or use another one",
  "connections-full": "allow more open files: ulimit -n",
  "tls-failed": "check --tls-cert and --tls-key: a certificate and its own key, both in PEM",
  // A question that was cancelled, or a server that was stopped, left nothing that could be continued.
  interrupted: null,
};

/**
 * One line for a person, or null. Codes from elsewhere ("usage") need none: their messages say what to type.
 * @param isClient whether a server was talked to
 */
export function hintFor(code: string, isClient = true): string | null {
  if (!isClient && Object.hasOwn(AT_HOME, code)) return AT_HOME[code as ErrorCode] ?? null;
  return Object.hasOwn(ADVICE, code) ? ADVICE[code as ErrorCode] : null;
}
