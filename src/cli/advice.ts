/**
 * What to do about each error: the half of a message that the library cannot know.
 *
 * The library says what happened and to which file or address. What helps depends on who is listening: a
 * program gets the code, a person at a command line gets a command, a flag, or a thing to look at. The table is
 * exhaustive, so that a new code cannot be added without asking what a person should do about it.
 */
import type { ErrorCode } from "../protocol/errors.ts";

const AGAIN = "run the same command again: it continues where this one ended";
const LATER = "try again later, or let it try for longer, such as --retry 1h";
const NOT_OURS = "check that --host and --port lead to a filespool server of the same version";

/** Null where the message of the library says it already, or where nothing can be done at this end. */
const ADVICE: Readonly<Record<ErrorCode, string | null>> = {
  unreachable: null,
  "connection-lost": AGAIN,
  "timed-out": AGAIN,
  "frame-damaged": AGAIN,
  "not-filespool": NOT_OURS,
  "version-unsupported": "install the same version of filespool on both ends",
  "frame-too-large": NOT_OURS,
  "frame-unknown": NOT_OURS,
  "frame-unexpected": NOT_OURS,
  "message-invalid": NOT_OURS,
  "offset-gap": NOT_OURS,
  "size-mismatch": NOT_OURS,
  flood: NOT_OURS,
  "digest-mismatch": "run it again; if that fails too, suspect a disk or the memory of one of the two machines",
  "name-refused": "rename the file, and send it again",
  "file-too-large": "the server decides: serve --max-file-size",
  "transfer-conflict": "add --again to store it as a new file",
  "transfer-unknown": AGAIN,
  "digest-unsupported": "use --digest sha256, which every server knows",
  superseded: "the same transfer was started once more, and goes on there",
  "lease-lost": AGAIN,
  "shutting-down": LATER,
  "connections-full": LATER,
  "uploads-full": LATER,
  "queue-full": `collect files from that queue; or ${LATER}`,
  "spool-full": `collect files, or raise serve --max-spool-size; or ${LATER}`,
  "disk-full": `make room on the disk; or ${LATER}`,
  stalled: AGAIN,
  "file-unreadable": "check the path, and that you may read it; the other files are not affected",
  "file-changed": "send it again when nobody writes to it",
  "file-exists": "the choices are --if-exists rename, overwrite or skip",
  "folder-unusable": "check that it is a folder and that you may write to it, or use another --out",
  "spool-locked": "stop that server, or use another folder: --spool",
  "spool-unusable": "check the folder, its permissions and its disk, or use another one: --spool",
  interrupted: null,
  internal: "this is a bug in filespool; run it with --verbose for details, and please report it",
};

/** One line for a person, or null. Codes from elsewhere ("usage") need none: their messages say what to type. */
export function adviceFor(code: string): string | null {
  return Object.hasOwn(ADVICE, code) ? ADVICE[code as ErrorCode] : null;
}
