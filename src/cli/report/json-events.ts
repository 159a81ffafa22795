/**
 * Every event that `--json` prints, described once: what a program may rely on when it reads a line.
 *
 * The unions in net/events.ts say what the library tells; this table says the same of the JSON that arrives at the other
 * end of a pipe, where Infinity has become null, with a sentence for each event. From it come
 * `filespool-events.schema.json` (npm run generate), the page of the reference, and the test that holds every line of real
 * runs against it. All objects are strict: a field that is not described here fails that test.
 *
 * A send of two files, of which the server had the beginning of one; each line is an object with more fields than here:
 *
 *   {"event":"connected","durability":"fsync",...}       who answered, and what stored will mean
 *   {"event":"offered","name":"a.txt",...}
 *   {"event":"offered","name":"holiday.raw",...}
 *   {"event":"stored","name":"a.txt",...}                in the order in which they become durable
 *   {"event":"resumed","offset":16777216,...}            not from zero
 *   {"event":"progress","offset":33554432,...}           about once a second while bytes arrive
 *   {"event":"retrying","delayMs":87,...}                the link broke; "connected" and "offered" come again
 *   {"event":"stored","name":"holiday.raw",...}
 *   {"event":"done","stored":2,"failed":0,...}           and the exit code is 0
 *
 * A receive of them, in which the name of one is taken:
 *
 *   {"event":"delivered","name":"a.txt",...}             under a lease, which progress renews
 *   {"event":"landed","path":"/home/a/inbox/a.txt",...}          in the folder, on disk
 *   {"event":"acked","name":"a.txt",...}                 off the queue
 *   {"event":"delivered","name":"holiday.raw",...}
 *   {"event":"refused","code":"file-exists",...}         it stays in the queue
 *   {"event":"done","landed":1,"failed":1,...}
 *   {"event":"error","code":"file-exists","exitCode":7}  the first failure decides the exit code
 *
 * A reader should ignore events and fields that it does not know: what is here may grow, and does not change its meaning.
 *
 * To add an event: its member in a union, and one row here. A row that is missing, or that lacks a field, does not
 * compile; see the last lines.
 *
 * Never here: what people read (event-text.ts). A run loads nothing of this.
 */
import * as v from "valibot";
import type { ServerEvent, TransferEvent } from "../../net/events.ts";
import { ERRORS, type ErrorCode } from "../../protocol/errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { OperateEvent } from "./event-text.ts";
import { code, count, flag, row, text } from "./json-event-fields.ts";
import { operateSchemas } from "./json-events-operate.ts";

// The building blocks that only these rows need; the others are in json-event-fields.ts.
const about = {
  transfer: v.pipe(text, v.regex(/^[0-9a-f]{32}$/), v.description("id of the transfer, chosen by the sender")),
  queue: text,
  name: v.pipe(text, v.description("name of the file, as its sender calls it")),
  size: v.pipe(v.nullable(count), v.description("bytes; null for a stream that has not ended")),
};
const failure = { code, message: v.pipe(text, v.description("for people; it may be worded otherwise tomorrow")) };
const offset = v.pipe(count, v.description("bytes that are acknowledged"));
const digest = v.pipe(text, v.description("hexadecimal"));
const host = text;
const port = v.pipe(count, v.maxValue(65_535));
const maybe = <T extends v.GenericSchema>(schema: T) => v.optional(schema);
const more = maybe(
  v.pipe(count, v.description("others of this connection in the second before, for the same reason, without an event")),
);
const times = maybe(v.pipe(count, v.description("how often since the event before, if more than once")));
const maybeAbout = {
  transfer: maybe(about.transfer),
  queue: maybe(about.queue),
  name: maybe(about.name),
  size: maybe(about.size),
};
const peer = {
  connection: v.pipe(count, v.description("number of the connection, counted from the start; 0: none")),
  peer: v.pipe(text, v.description("address at the other end; empty: none")),
};
const role = v.picklist(["sender", "receiver", "operator"]);

/** The end of a run, whichever command it is. Each command has its own counts in `done`. */
const ENDS = {
  error: row("error", "The run failed, or some of its files did. With this, the exit code is not 0.", {
    code: v.picklist([...(Object.keys(ERRORS) as ErrorCode[]), "usage", "output-lost", "runtime-unsupported"]),
    message: text,
    exitCode: v.picklist(Object.values(EXIT)),
  }),
};

/** What both clients tell. */
const CLIENT = {
  connected: row("connected", "A server has answered.", {
    host,
    port,
    server: v.pipe(text, v.description("how it names itself")),
    durability: v.pipe(text, v.description('"fsync": stored means on disk; "none": it may be lost in a power cut')),
  }),
  resumed: row("resumed", "The other end has a part of the file already; the transfer goes on from there.", {
    ...about,
    offset,
  }),
  progress: row("progress", "So much is durable at the server (send), or written and synced here (receive).", {
    ...about,
    offset,
  }),
  refused: row("refused", "This file failed for good in this run; the others go on.", {
    ...maybeAbout,
    ...failure,
    path: maybe(v.pipe(text, v.description("the absolute path of what was to be sent, or what a stream is called"))),
  }),
  retrying: row("retrying", "The connection, or a file that did not match its digest, is tried again.", {
    ...failure,
    delayMs: count,
    attempt: count,
  }),
  ...ENDS,
};

// Both ends pass over what a folder may hold and a file may not: sockets, links that lead out of it, names too long.
const WARNING = row("warning", "Something in a folder was left out; the rest goes on.", {
  ...maybeAbout,
  path: v.pipe(text, v.description("send: its absolute path; receive: its path in the folder")),
  message: text,
});

/** What became of the files of a run that sends. */
const SENT = {
  stored: count,
  repeated: v.pipe(count, v.description("files that the server had already")),
  bytes: count,
  failed: count,
};

/** A sender: what was offered becomes stored, or refused; with --wait it becomes collected, or is outstanding still. */
const SEND = {
  ...CLIENT,
  offered: row("offered", "The server has been asked to take this file.", {
    ...about,
    path: v.pipe(text, v.description("its absolute path, or what a stream is called")),
  }),
  changed: row("changed", "Not what the server has under this size and time, by its digest: sent as a new transfer.", {
    ...about,
    path: text,
    before: v.pipe(about.transfer, v.description("the transfer that the server has")),
  }),
  stored: row("stored", "The file is the server's: on its disk, unless durability says otherwise.", {
    ...about,
    digest,
    repeated: v.pipe(flag, v.description("the server had it from an earlier run")),
    collected: v.pipe(flag, v.description("and somebody has collected it since")),
  }),
  collected: row("collected", "A receiver has it, verified.", {
    ...about,
    digest,
    collectedAtMs: v.pipe(
      v.nullable(count),
      v.description("when, in milliseconds since 1970; null if nobody noted it"),
    ),
  }),
  outstanding: row("outstanding", "The time to wait for that is over, and the file is still on the server.", {
    ...about,
    state: text,
  }),
  warning: WARNING,
  done: row("done", "The run was carried out.", SENT),
};

/** A watched folder: what a sender tells, and what became of each file in the folder then. */
const { collected: _, outstanding: __, ...SENDING } = SEND;
const WATCH = {
  ...SENDING,
  watching: row("watching", "The folder is watched from now on.", { folder: text, queue: text }),
  moved: row("moved", "A stored file was moved out of the folder.", { ...about, path: text, to: text }),
  deleted: row("deleted", "A stored file was deleted, or was gone already.", { ...about, path: text }),
  kept: row("kept", "A stored file could not be moved or deleted; it is not sent again.", {
    ...about,
    path: text,
    message: text,
  }),
  done: row("done", "The watch has ended.", {
    ...SENT,
    kept: v.pipe(count, v.description("files that should have been moved or deleted, and are still there")),
  }),
};

/** A receiver: delivered, landed, acked, in this order for each file; several files may be between two of them. */
const RECEIVE = {
  ...CLIENT,
  delivered: row("delivered", "The server hands out this file.", {
    ...about,
    digest,
    attempt: v.pipe(count, v.description("1 for the first time that anybody gets it")),
  }),
  landed: row("landed", "The file is in the folder, whole and verified.", {
    ...about,
    digest,
    path: v.pipe(text, v.description("where it is, absolute; empty if it was skipped, - for standard output")),
    skipped: v.pipe(flag, v.description("a file of that name was there, and --if-exists is skip")),
  }),
  warning: WARNING,
  acked: row("acked", "The server has been told, and will not deliver it again.", about),
  done: row("done", "The run was carried out.", {
    landed: count,
    skipped: count,
    bytes: count,
    elsewhere: v.pipe(count, v.description("files that other receivers have at this moment")),
    failed: count,
  }),
};

/**
 * A server. The same words as at the two ends, seen from between them: each event about a file says through which
 * connection it came about, so that a log can be read by connection as well as by transfer.
 */
const SERVE = {
  listening: row("listening", "The server takes connections. The port is the real one, also with --port 0.", {
    host,
    port,
  }),
  connected: row("connected", "Somebody has introduced themselves.", { ...peer, role, queue: maybe(text) }),
  disconnected: row("disconnected", "A connection has ended; with code and message if it broke.", {
    ...peer,
    role,
    code: maybe(code),
    message: maybe(text),
  }),
  "turned-away": row("turned-away", "Connections were ended before they were let in, all for one reason.", {
    ...failure,
    connections: v.pipe(count, v.description("how many since the event before; at most one event a second tells it")),
    peer: v.pipe(text, v.description("address of the last of them")),
  }),
  resumed: row("resumed", "A sender goes on with an unfinished upload.", { ...about, ...peer, offset }),
  stored: row("stored", "A file is complete, verified, and on disk.", { ...about, ...peer, digest, repeated: flag }),
  delivered: row("delivered", "A receiver is handed a file, under a lease.", { ...about, ...peer, attempt: count }),
  acked: row("acked", "A receiver has it, and it is off its queue.", { ...about, ...peer }),
  refused: row("refused", "A file was not taken; the sender is told why.", { ...about, ...peer, ...failure, more }),
  returned: row("returned", "A delivery failed, or its lease ran out: the file is the first of its queue again.", {
    ...about,
    ...peer,
    reason: text,
    dead: v.pipe(flag, v.description("it failed too often, and is a dead letter now")),
    more,
  }),
  expired: row("expired", "The time of a file or of an unfinished upload was over.", {
    ...about,
    what: v.picklist(["file", "dead-letter", "upload"]),
    ageMs: v.pipe(v.number(), v.description("since it was stored, became a dead letter, or made its last progress")),
    dead: v.pipe(flag, v.description("it is a dead letter now, and was not removed")),
  }),
  cancelled: row("cancelled", "An operator has taken a file off its queue.", { ...about, ...peer }),
  requeued: row("requeued", "An operator has brought so many dead letters back.", {
    ...peer,
    queue: text,
    files: count,
  }),
  purged: row("purged", "An operator has emptied a queue, or only its dead letters.", {
    ...peer,
    queue: text,
    files: count,
    deadOnly: flag,
  }),
  "output-lost": row("output-lost", "Lines of one of the two standard streams are lost; the server goes on.", {
    message: text,
  }),
  metrics: row("metrics", "Metrics and health are served here.", { host, port }),
  reloaded: row("reloaded", "The settings were read again.", {
    applied: v.pipe(v.array(text), v.readonly(), v.description("settings that are in force from now on")),
    restart: v.pipe(v.array(text), v.readonly(), v.description("settings that have changed, and wait for a restart")),
  }),
  "reload-failed": row("reload-failed", "The settings could not be read again, and nothing was changed.", {
    code: text,
    message: text,
  }),
  draining: row("draining", "No new work is taken; so many connections finish theirs.", { connections: count }),
  // Alone among all, it has two meanings: trouble that the server survives has no exit code.
  error: v.union([row("error", "Trouble that the server survives.", { ...failure, times }), ENDS.error]),
  done: row("done", "The server has ended in order.", {}),
};

/** By command, what it may print. Which lines there are, and in which order, depends on what happens. */
export const EVENT_SCHEMAS = {
  ...{ serve: SERVE, send: SEND, watch: WATCH, receive: RECEIVE },
  ...operateSchemas(ENDS, { ...ENDS, connected: CLIENT.connected, retrying: CLIENT.retrying }),
} as const;

/** As JSON has it: what is endless is null. */
type Shown<E> = { [F in keyof E]: F extends "size" ? E[F] | null : E[F] };
/** Keys that any of the members of a union has. */
type KeyOf<U> = U extends unknown ? keyof U : never;
/** The events of a union that the rows do not describe in full; `never` when all is well. */
type Lacking<E extends { readonly event: string }, Rows> = {
  [N in E["event"]]: N extends keyof Rows
    ? Rows[N] extends v.GenericSchema<infer _, infer Out>
      ? [Shown<Extract<E, { readonly event: N }>>, keyof Extract<E, { readonly event: N }>] extends [Out, KeyOf<Out>]
        ? never
        : N
      : N
    : N;
}[E["event"]];

// When one of these does not compile, the error names the events whose row is missing or lacks a field.
const isComplete = <_T extends never>(): void => {};
isComplete<Lacking<ServerEvent | OperateEvent, typeof SERVE>>();
isComplete<Lacking<TransferEvent, typeof SEND & typeof RECEIVE & typeof WATCH>>();
