/**
 * The text of each event for people: one table for the clients, one for the server.
 *
 * The screen of a server with one sender that came twice and one receiver:
 *
 *   listening on localhost:5011
 *   Waiting for sender...
 *   sender    connected from 127.0.0.1:50652
 *   sender    127.0.0.1:50652 disconnected: the connection was lost
 *   sender    connected from 127.0.0.1:50660
 *   resumed   holiday.raw at 16.0 MiB of 48.0 MiB
 *   stored    holiday.raw, 48.0 MiB, in queue default, from 127.0.0.1:50660
 *   receiver  connected from 127.0.0.1:50702, collects from queue default
 *   collected holiday.raw, 48.0 MiB, from queue default, by 127.0.0.1:50702
 *
 * The tables are exhaustive by type, so nobody can forget an event that the library gains. Null means: nothing to show. A
 * line is data (a verb, a text, a tone) and not a string with colours. report.ts decides about streams and colours, and
 * tests compare lines. The `line` template escapes everything that came from outside.
 */
import { basename } from "node:path";
import type { ServerEvent, TransferEvent } from "../../net/events.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { exactDuration, humanDuration, humanSize, moment } from "../settings/units.ts";
import { counted, line } from "./escape.ts";

/** `good`: the result. `plain`: a step on the way. `warn`: the run may recover. `bad`: it will not. */
export type Tone = "good" | "plain" | "warn" | "bad";

/** The text of one event, before report.ts adds colour and columns and selects a stream. */
export interface Line {
  readonly tone: Tone;
  /** The first column, short enough to scan a long run by eye. */
  readonly verb: string;
  /** Made only when it is shown: that saves time for 20,000 files that nobody watches. */
  readonly text: () => string;
  /** Shown with `--verbose` only. */
  readonly verbose?: true;
  /** The code of the error, for its hint. */
  readonly code?: ErrorCode;
}

/** The events of the program `serve` itself, besides those of its server. Lists hold names of settings. */
export type OperateEvent =
  | { readonly event: "metrics"; readonly host: string; readonly port: number }
  /** The reader of stdout or stderr has ended, or the stream cannot be written. */
  | { readonly event: "output-lost"; readonly message: string }
  | { readonly event: "reloaded"; readonly applied: readonly string[]; readonly restart: readonly string[] }
  /** Nothing was changed. `code` is as in `error`. */
  | { readonly event: "reload-failed"; readonly code: string; readonly message: string };

/** One function for each event of a union. A new event does not compile without its function. */
type Table<E extends { readonly event: string }> = {
  readonly [Name in E["event"]]: (event: Extract<E, { readonly event: Name }>) => Line | null;
};

/** "a.txt, 12.0 KiB": every line names a file in this way. */
const file = (about: { name: string; size: number }) => line`${about.name}, ${humanSize(about.size)}`;

/** host:port, with brackets around an IPv6 address. */
export const address = (host: string, port: number): string =>
  host.includes(":") ? line`[${host}]:${port}` : line`${host}:${port}`;

/** The file and what is wrong with it. A message that already names the file gets no second name in front. */
function blame({ path, name, message }: { path?: string; name?: string; message: string }): string {
  const what = path ?? name;
  const isNamed = what === undefined || message.includes(what) || message.split(/[\s"/:;,]+/).includes(basename(what));
  return isNamed ? line`${message}` : line`${what}: ${message}`;
}

/** The rest of a crowd, of which one line shows only the first. */
const others = (more = 0): string => (more === 0 ? "" : `, and ${more} more like it`);

/** The lines of `send`, `receive` and `watch`. */
const TRANSFER: Table<TransferEvent> = {
  // Says what "stored" will mean at this server.
  connected: (e) => ({
    tone: "plain",
    verb: "connected",
    text: () => line`to ${address(e.host, e.port)} (${e.server}, durability ${e.durability})`,
    verbose: true,
  }),
  // The log of the server has the same id, so the two can be compared.
  offered: (e) => ({ tone: "plain", verb: "offered", text: () => line`${file(e)} as ${e.transfer}`, verbose: true }),
  // Shown without --verbose: a person who runs a command again wants to see that it does not start from zero.
  resumed: (e) => ({
    tone: "plain",
    verb: "resumed",
    text: () => line`${e.name} at ${humanSize(e.offset)} of ${humanSize(e.size)}`,
  }),
  // progress.ts shows these.
  progress: () => null,
  // A file that the server already has is a success for a sender that came back, and a surprise for a person who wants a
  // second copy. So the line has a word of its own, and says how to store a copy.
  stored: (e) => {
    if (!e.repeated) return { tone: "good", verb: "stored", text: () => file(e) };
    const since = e.collected ? " and collected" : "";
    return {
      tone: "plain",
      verb: "known",
      text: () => line`${file(e)}: already stored${since}, not sent again; --again stores a new copy`,
    };
  },
  // Other runs say "known" for this path, so this line explains why the file is sent.
  changed: (e) => ({
    tone: "plain",
    verb: "changed",
    text: () => line`${file(e)}: its content has changed, although size and time are the same; sent as a new file`,
  }),
  delivered: (e) => ({
    tone: "plain",
    verb: "delivered",
    text: () => line`${file(e)}, attempt ${e.attempt}`,
    verbose: true,
  }),
  // The path, because it differs from the name with --if-exists rename and with unsafe names.
  landed: (e) =>
    e.skipped
      ? { tone: "plain", verb: "skipped", text: () => line`${e.name}: a file of that name exists` }
      : { tone: "good", verb: "landed", text: () => line`${e.path === "-" ? e.name : e.path}, ${humanSize(e.size)}` },
  // Only with --verbose: people have seen "landed".
  acked: (e) => ({ tone: "plain", verb: "acked", text: () => line`${e.name}`, verbose: true }),
  // `send --wait` waits for this.
  collected: (e) => ({
    tone: "good",
    verb: "collected",
    text: () => line`${file(e)}${e.collectedAtMs === null ? "" : `, ${moment(e.collectedAtMs)}`}, digest ${e.digest}`,
  }),
  outstanding: (e) => ({ tone: "warn", verb: "waiting", text: () => line`${file(e)}: not collected yet` }),
  // This file has failed; the run goes on with the others.
  refused: (e) => ({ tone: "bad", verb: "failed", text: () => blame(e), code: e.code }),
  // The rest of the folder goes on, but the person should know that it is not complete.
  warning: (e) => ({ tone: "warn", verb: "left out", text: () => line`${e.path}: ${e.message}` }),
  // Without this line, a run that waits would look like one that hangs.
  watching: (e) => ({
    tone: "plain",
    verb: "watching",
    text: () => line`${e.folder}, new files go to queue "${e.queue}"; Ctrl-C stops`,
  }),
  // Only with --verbose: people have seen "stored".
  moved: (e) => ({ tone: "plain", verb: "moved", text: () => line`${e.path} to ${e.to}`, verbose: true }),
  deleted: (e) => ({ tone: "plain", verb: "deleted", text: () => line`${e.path}`, verbose: true }),
  kept: (e) => ({ tone: "warn", verb: "kept", text: () => line`${e.path}: stored, but ${e.message}` }),
  // Nothing has failed yet, but the person should know why nothing moves.
  retrying: (e) => ({
    tone: "warn",
    verb: "retrying",
    text: () => line`in ${humanDuration(e.delayMs)}, attempt ${e.attempt}: ${e.message}`,
    // Of all errors that are tried again, the person can repair only a command in the meantime.
    ...(e.code === "command-failed" && { code: e.code }),
  }),
};

/** The lines of `serve`. */
const SERVER: Table<ServerEvent | OperateEvent> = {
  // The address that senders and receivers need.
  listening: (e) => ({ tone: "good", verb: "listening", text: () => line`on ${address(e.host, e.port)}` }),
  // The role is the verb, so the column shows at a glance who comes and goes.
  connected: (e) => ({
    tone: "plain",
    verb: e.role,
    text: () => line`connected from ${e.peer}${e.queue === undefined ? "" : line`, collects from queue ${e.queue}`}`,
  }),
  // An orderly end is shown only with --verbose. A connection that broke is always shown, with the reason.
  disconnected: ({ role, peer, message }) =>
    message === undefined
      ? { tone: "plain", verb: role, text: () => line`${peer} disconnected`, verbose: true }
      : { tone: "warn", verb: role, text: () => line`${peer} disconnected: ${message}` },
  "turned-away": (e) => ({
    tone: "warn",
    verb: "refused",
    text: () =>
      `${counted(e.connections, "connection")}${e.connections > 1 ? ", the last" : ""}${line` from ${e.peer}: ${e.message}`}`,
  }),
  resumed: (e) => ({
    tone: "plain",
    verb: "resumed",
    text: () => line`${e.name} at ${humanSize(e.offset)} of ${humanSize(e.size)}`,
  }),
  // A repetition changes nothing here: the sender lost our answer, or was run again.
  stored: (e) =>
    e.repeated
      ? { tone: "plain", verb: "known", text: () => line`${file(e)}, already stored`, verbose: true }
      : { tone: "good", verb: "stored", text: () => line`${file(e)}, in queue ${e.queue}, from ${e.peer}` },
  delivered: (e) => ({ tone: "plain", verb: "delivered", text: () => line`${file(e)}, to ${e.peer}`, verbose: true }),
  // Now the receiver has the file, and the spool no longer has it.
  acked: (e) => ({
    tone: "good",
    verb: "collected",
    text: () => line`${file(e)}, from queue ${e.queue}, by ${e.peer}`,
  }),
  // A warning and no error: the server does its work, and the sender has to act.
  refused: (e) => ({ tone: "warn", verb: "refused", text: () => line`${blame(e)} (from ${e.peer})${others(e.more)}` }),
  // A dead letter is an error, because a person has to look at it.
  returned: (e) => {
    // When a lease has run out, no peer is known.
    const by = e.peer === "" ? "" : line` by ${e.peer}`;
    const where = e.dead ? "it failed too often and is now a dead letter" : "it is first in its queue again";
    return {
      tone: e.dead ? "bad" : "warn",
      verb: "returned",
      text: () => line`${e.name}${by}: ${e.reason}; ${where}${others(e.more)}`,
    };
  },
  // The server deletes what somebody sent, so it says so, although a setting tells it to.
  expired: (e) => {
    const after = humanDuration(e.ageMs);
    const why = {
      file: `not collected for ${after}`,
      "dead-letter": `a dead letter for ${after}`,
      upload: `an unfinished upload without progress for ${after}`,
    }[e.what];
    const end = e.dead ? "it is now a dead letter" : "removed";
    return { tone: "warn", verb: "expired", text: () => line`${file(e)}, in queue ${e.queue}: ${why}; ${end}` };
  },
  // The screen of the server shows what operators do, because somebody will ask where a file has gone.
  cancelled: (e) => ({
    tone: "warn",
    verb: "cancelled",
    text: () => line`${file(e)}, in queue ${e.queue}, by the operator at ${e.peer}`,
  }),
  // No warning: nothing is lost.
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
  // An error of the server itself, such as a disk that fails. It serves what it still can.
  error: (e) => {
    const often = e.times === undefined ? "" : `, ${e.times} times`;
    return { tone: "bad", verb: "error", text: () => line`${e.message}${often}` };
  },
  metrics: (e) => ({
    tone: "good",
    verb: "metrics",
    text: () => line`at http://${address(e.host, e.port)}/metrics, with /healthz and /readyz`,
  }),
  // It goes to the other stream, which may still have a reader.
  "output-lost": (e) => ({ tone: "warn", verb: "output", text: () => line`${e.message}` }),
  // A change that waits for a restart must not look as if it were in force.
  reloaded: ({ applied, restart }) => {
    const said = applied.length === 0 ? "no setting has changed" : `now in force: ${applied.join(", ")}`;
    const rest = restart.length === 0 ? "" : `; only after a restart: ${restart.join(", ")}`;
    return { tone: restart.length === 0 ? "plain" : "warn", verb: "reloaded", text: () => said + rest };
  },
  "reload-failed": (e) => ({ tone: "bad", verb: "reload", text: () => line`nothing was changed: ${e.message}` }),
  draining: (e) => stopping(e.connections, 0),
};

/** Printed before the wait begins, so the pause does not look like a hang. */
function stopping(connections: number, drainMs: number): Line {
  const open = counted(connections, "connection");
  const wait = `no new work; waiting up to ${exactDuration(drainMs)} for ${open} to finish`;
  const text = connections === 0 ? "no connection is open" : drainMs > 0 ? wait : `closing ${open} now`;
  return { tone: "plain", verb: "stopping", text: () => text };
}

/** The line for an event of `send` or `receive`, or null when people need not see it. */
export const transferLine = (event: TransferEvent): Line | null => pick(TRANSFER, event);

/** The line for an event of `serve`. @param drainMs how long a stop lets transfers finish; 0: it closes connections now */
export const serverLine = (event: ServerEvent | OperateEvent, drainMs = 0): Line | null =>
  event.event === "draining" ? stopping(event.connections, drainMs) : pick(SERVER, event);

/** The compiler cannot see that a row and its event belong together; the type of the table says so. */
function pick<E extends { readonly event: string }>(table: Table<E>, event: E): Line | null {
  return (table[event.event as E["event"]] as (event: E) => Line | null)(event);
}
