/**
 * What each event looks like to a person: one table for the two clients, one for the server.
 *
 * A server's screen, with one sender that came twice and one receiver:
 *
 *   listening on localhost:5011
 *   Waiting for sender...
 *   sender    connected from 127.0.0.1:50652
 *   sender    127.0.0.1:50652 is gone: the connection was lost
 *   sender    connected from 127.0.0.1:50660
 *   resumed   holiday.raw at 16.0 MiB of 48.0 MiB
 *   stored    holiday.raw, 48.0 MiB, in queue default, from 127.0.0.1:50660
 *   receiver  connected from 127.0.0.1:50702, takes from queue default
 *   collected holiday.raw, 48.0 MiB, from queue default, by 127.0.0.1:50702
 *
 * The tables are exhaustive by type, so that an event added to the library cannot stay silent here by
 * accident; an event that has nothing to say to people says so with null. A line is data (a verb, a text, a
 * tone), not yet a string with colours: report.ts decides about streams and colours, and tests can compare
 * lines as they are. Everything that came from outside is escaped by the `line` template.
 */
import { basename } from "node:path";
import type { ServerEvent, TransferEvent } from "../../net/events.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { humanDuration, humanSize, moment } from "../settings/units.ts";
import { counted, line } from "./escape.ts";

/** `good` is what was hoped for, `plain` what happens on the way, `warn` may mend itself, `bad` will not. */
export type Tone = "good" | "plain" | "warn" | "bad";

/** What one event says, before it is coloured, put in columns and sent to one of the two streams. */
export interface Line {
  readonly tone: Tone;
  /** First column, always one word, so that a long run can be searched by eye. */
  readonly verb: string;
  /** Put together only when it is shown: of 20,000 files that nobody watches, that is time saved. */
  readonly text: () => string;
  /** Shown with `--verbose` only. */
  readonly verbose?: true;
  /** The error behind it, for the advice that goes with it. */
  readonly code?: ErrorCode;
}

/** What `serve` tells of itself as a program, beside the events of the server that it runs. Lists are names of settings. */
export type OperateEvent =
  | { readonly event: "metrics"; readonly host: string; readonly port: number }
  /** Nobody reads one of the two streams any more, or it cannot be written. */
  | { readonly event: "output-lost"; readonly message: string }
  | { readonly event: "reloaded"; readonly applied: readonly string[]; readonly restart: readonly string[] }
  /** Nothing was changed. `code` is that of the error, as in `error`. */
  | { readonly event: "reload-failed"; readonly code: string; readonly message: string };

/** One function for each member of a union of events, so that a new member does not compile without its line. */
type Table<E extends { readonly event: string }> = {
  readonly [Name in E["event"]]: (event: Extract<E, { readonly event: Name }>) => Line | null;
};

/** "a.txt, 12.0 KiB": how every line names a file, so that the same file looks the same everywhere. */
const file = (about: { name: string; size: number }) => line`${about.name}, ${humanSize(about.size)}`;

/** host:port, with the brackets that an IPv6 address needs to be told apart from its port. */
export const address = (host: string, port: number): string =>
  host.includes(":") ? line`[${host}]:${port}` : line`${host}:${port}`;

/** The file and what is wrong with it. A message that names its file, as it was typed, needs no second name in front. */
function blame({ path, name, message }: { path?: string; name?: string; message: string }): string {
  const what = path ?? name;
  const isNamed = what === undefined || message.includes(what) || message.split(/[\s"/:;,]+/).includes(basename(what));
  return isNamed ? line`${message}` : line`${what}: ${message}`;
}

/** Of a crowd of them only one is told. */
const others = (more = 0): string => (more === 0 ? "" : `, and ${more} more like it`);

/** What `send` and `receive` say. */
const TRANSFER: Table<TransferEvent> = {
  // What "stored" will mean at this server is said at the beginning, for those who want to know.
  connected: (e) => ({
    tone: "plain",
    verb: "connected",
    text: () => line`to ${address(e.host, e.port)} (${e.server}, durability ${e.durability})`,
    verbose: true,
  }),
  // The id is what a server's log and the sender's have in common, should anybody have to compare them.
  offered: (e) => ({ tone: "plain", verb: "offered", text: () => line`${file(e)} as ${e.transfer}`, verbose: true }),
  // Shown without --verbose: that it did not start from zero is what the person came back for.
  resumed: (e) => ({
    tone: "plain",
    verb: "resumed",
    text: () => line`${e.name} at ${humanSize(e.offset)} of ${humanSize(e.size)}`,
  }),
  // The progress line (progress.ts) shows these, where there is a terminal to rewrite it on.
  progress: () => null,
  // A file that the server had already is a success for a sender that came back, and a surprise for somebody
  // who wanted it sent twice. So it has a word of its own, and says how to get the other thing.
  stored: (e) => {
    if (!e.repeated) return { tone: "good", verb: "stored", text: () => file(e) };
    const since = e.collected ? " and collected since" : "";
    return {
      tone: "plain",
      verb: "known",
      text: () => line`${file(e)}: stored before${since}; --again stores a new copy`,
    };
  },
  // Whoever reads "known" in other runs would otherwise wonder why this one was sent.
  changed: (e) => ({
    tone: "plain",
    verb: "changed",
    text: () => line`${file(e)}: not what was stored before, though size and time are the same; sent as a new file`,
  }),
  delivered: (e) => ({
    tone: "plain",
    verb: "delivered",
    text: () => line`${file(e)}, attempt ${e.attempt}`,
    verbose: true,
  }),
  // The path and not the name: with --if-exists rename, or an unsafe name, they differ.
  landed: (e) =>
    e.skipped
      ? { tone: "plain", verb: "skipped", text: () => line`${e.name}: there is a file of that name already` }
      : { tone: "good", verb: "landed", text: () => line`${e.path === "-" ? e.name : e.path}, ${humanSize(e.size)}` },
  // "landed" was the news; this is the bookkeeping after it.
  acked: (e) => ({ tone: "plain", verb: "acked", text: () => line`${e.name}`, verbose: true }),
  // What `send --wait` waited for.
  collected: (e) => ({
    tone: "good",
    verb: "collected",
    text: () => line`${file(e)}${e.collectedAtMs === null ? "" : `, ${moment(e.collectedAtMs)}`}, digest ${e.digest}`,
  }),
  outstanding: (e) => ({ tone: "warn", verb: "waiting", text: () => line`${file(e)}: nobody has collected it so far` }),
  // For this file it is over; the run goes on with the others.
  refused: (e) => ({ tone: "bad", verb: "failed", text: () => blame(e), code: e.code }),
  // The rest of the folder goes on, but whoever relies on all of it should know.
  warning: (e) => ({ tone: "warn", verb: "left out", text: () => line`${e.path}: ${e.message}` }),
  // Without this line, a run that waits could not be told from one that hangs.
  watching: (e) => ({
    tone: "plain",
    verb: "watching",
    text: () => line`${e.folder}, for files to send to queue "${e.queue}"; Ctrl-C ends it`,
  }),
  // That it is stored was the news; this is the bookkeeping after it.
  moved: (e) => ({ tone: "plain", verb: "moved", text: () => line`${e.path} to ${e.to}`, verbose: true }),
  deleted: (e) => ({ tone: "plain", verb: "deleted", text: () => line`${e.path}`, verbose: true }),
  kept: (e) => ({ tone: "warn", verb: "kept", text: () => line`${e.path}: stored, but ${e.message}` }),
  // Nothing has failed yet, but whoever watches should know why nothing moves.
  retrying: (e) => ({
    tone: "warn",
    verb: "retrying",
    text: () => line`in ${humanDuration(e.delayMs)}, attempt ${e.attempt}: ${e.message}`,
    // Of all that is tried again, only a command is something that the person has to mend meanwhile.
    ...(e.code === "command-failed" && { code: e.code }),
  }),
};

/** What `serve` says: who connected as what, what was stored, what was collected, and what went wrong. */
const SERVER: Table<ServerEvent | OperateEvent> = {
  // The one line that a script without --json would look for. The address is the one to give to the others.
  listening: (e) => ({ tone: "good", verb: "listening", text: () => line`on ${address(e.host, e.port)}` }),
  // The role is the verb: the column then shows at a glance who comes and goes.
  connected: (e) => ({
    tone: "plain",
    verb: e.role,
    text: () => line`connected from ${e.peer}${e.queue === undefined ? "" : line`, takes from queue ${e.queue}`}`,
  }),
  // An orderly goodbye is no news; a conversation that broke is, with the reason.
  disconnected: ({ role, peer, message }) =>
    message === undefined
      ? { tone: "plain", verb: role, text: () => line`${peer} is gone`, verbose: true }
      : { tone: "warn", verb: role, text: () => line`${peer} is gone: ${message}` },
  // The number tells a crowd from a stray; the address is where to look first.
  "turned-away": (e) => ({
    tone: "warn",
    verb: "refused",
    text: () => line`${counted(e.connections, "connection")}, the last from ${e.peer}: ${e.message}`,
  }),
  resumed: (e) => ({
    tone: "plain",
    verb: "resumed",
    text: () => line`${e.name} at ${humanSize(e.offset)} of ${humanSize(e.size)}`,
  }),
  // A repetition is the sender's news (it lost our answer, or was run again); here nothing has changed.
  stored: (e) =>
    e.repeated
      ? { tone: "plain", verb: "known", text: () => line`${file(e)}, was stored before`, verbose: true }
      : { tone: "good", verb: "stored", text: () => line`${file(e)}, in queue ${e.queue}, from ${e.peer}` },
  delivered: (e) => ({ tone: "plain", verb: "delivered", text: () => line`${file(e)}, to ${e.peer}`, verbose: true }),
  // From here on the file is the receiver's, and gone from the spool.
  acked: (e) => ({
    tone: "good",
    verb: "collected",
    text: () => line`${file(e)}, from queue ${e.queue}, by ${e.peer}`,
  }),
  // For a server it is a warning and no error: refusing is its work, and the sender is the one who has to act.
  refused: (e) => ({ tone: "warn", verb: "refused", text: () => line`${blame(e)} (from ${e.peer})${others(e.more)}` }),
  // A dead letter is the only thing that a server calls bad by itself: a person has to look at it.
  returned: (e) => {
    // A lease that ran out has no peer any more.
    const by = e.peer === "" ? "" : line` by ${e.peer}`;
    const where = e.dead ? "it failed too often and is a dead letter now" : "it is the first of its queue again";
    return {
      tone: e.dead ? "bad" : "warn",
      verb: "returned",
      text: () => line`${e.name}${by}: ${e.reason}; ${where}${others(e.more)}`,
    };
  },
  // Deleting what somebody sent is worth a line, also when it was told to.
  expired: (e) => {
    const after = humanDuration(e.ageMs);
    const why = {
      file: `nobody collected it for ${after}`,
      "dead-letter": `a dead letter for ${after}`,
      upload: `unfinished, and no progress for ${after}`,
    }[e.what];
    const end = e.dead ? "it is a dead letter now" : "removed";
    return { tone: "warn", verb: "expired", text: () => line`${file(e)}, in queue ${e.queue}: ${why}; ${end}` };
  },
  // What an operator did is on the server's screen as well: somebody will ask where a file has gone.
  cancelled: (e) => ({
    tone: "warn",
    verb: "cancelled",
    text: () => line`${file(e)}, in queue ${e.queue}, by the operator at ${e.peer}`,
  }),
  // No warning: nothing is lost by it, and receivers will see them come.
  requeued: (e) => ({
    tone: "plain",
    verb: "requeued",
    text: () => line`${counted(e.files, "dead letter")} of queue ${e.queue}, by the operator at ${e.peer}`,
  }),
  purged: (e) => ({
    tone: "warn",
    verb: "purged",
    text: () =>
      line`${counted(e.files, e.deadOnly ? "dead letter" : "file")} of queue ${e.queue}, by the operator at ${e.peer}`,
  }),
  // The server's own trouble, such as a disk that fails; it goes on serving what it can.
  error: (e) => {
    const often = e.times === undefined ? "" : `, ${e.times} times`;
    return { tone: "bad", verb: "error", text: () => line`${e.message}${often}` };
  },
  // Beside the address of the server, so that both can be found by the same look.
  metrics: (e) => ({
    tone: "good",
    verb: "metrics",
    text: () => line`at http://${address(e.host, e.port)}/metrics, with /healthz and /readyz`,
  }),
  // On the other of the two streams, should somebody read that.
  "output-lost": (e) => ({ tone: "warn", verb: "output", text: () => line`${e.message}` }),
  // Whoever sent the signal sees what became of it; a change that waits for a restart must not look as if it held.
  reloaded: ({ applied, restart }) => {
    const said = applied.length === 0 ? "no setting has changed" : `in force: ${applied.join(", ")}`;
    const rest = restart.length === 0 ? "" : `; after a restart: ${restart.join(", ")}`;
    return { tone: restart.length === 0 ? "plain" : "warn", verb: "reloaded", text: () => said + rest };
  },
  "reload-failed": (e) => ({ tone: "bad", verb: "reload", text: () => line`nothing was changed: ${e.message}` }),
  // Said before the waiting begins, so that nobody takes the pause for a hang.
  draining: (e) => {
    const left = e.connections === 0 ? "nothing is under way" : `waiting for ${counted(e.connections, "connection")}`;
    return { tone: "plain", verb: "stopping", text: () => `no new work; ${left}` };
  },
};

/** The line for an event of `send` or `receive`, or null when people need not see it. */
export const transferLine = (event: TransferEvent): Line | null => pick(TRANSFER, event);

/** The line for an event of `serve`. */
export const serverLine = (event: ServerEvent | OperateEvent): Line | null => pick(SERVER, event);

/** The compiler cannot know that a row and its event belong together; the table's type does. */
function pick<E extends { readonly event: string }>(table: Table<E>, event: E): Line | null {
  return (table[event.event as E["event"]] as (event: E) => Line | null)(event);
}
