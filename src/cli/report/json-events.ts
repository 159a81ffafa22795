/**
 * Describes every event that `--json` prints: what a program may rely on when it reads a line.
 *
 * The unions in net/events.ts describe the events of the library. This table describes the JSON at the other end of a pipe,
 * where Infinity has become null, with a sentence for each event. From it come `filespool-events.schema.json` (npm run
 * generate), the page of the reference, and a test that checks every line of real runs. All objects are strict: a field
 * without a description here fails that test.
 *
 * A send of two files; the server already has the beginning of one. Each object has more fields than are shown here:
 *
 *   {"event":"connected","durability":"fsync",...}       which server answered, and what "stored" will mean
 *   {"event":"offered","name":"a.txt",...}               and the same for holiday.raw
 *   {"event":"stored","name":"a.txt",...}                in the order in which they become durable
 *   {"event":"resumed","offset":16777216,...}            not from zero
 *   {"event":"progress","offset":33554432,...}           about once a second while bytes arrive
 *   {"event":"retrying","delayMs":87,...}                the connection is lost; "connected" and "offered" come again
 *   {"event":"stored","name":"holiday.raw",...}
 *   {"event":"done","stored":2,"failed":0,...}           and the exit code is 0
 *
 * A receive of both; a file with the name of the second exists:
 *
 *   {"event":"delivered","name":"a.txt",...}             under a lease; progress renews it
 *   {"event":"landed","path":"/home/a/inbox/a.txt",...}          in the folder, on disk
 *   {"event":"acked","name":"a.txt",...}                 off the queue; now holiday.raw is delivered
 *   {"event":"refused","code":"file-exists",...}         it stays in the queue
 *   {"event":"done","landed":1,"failed":1,...}
 *   {"event":"error","code":"file-exists","exitCode":7}  the first failure decides the exit code
 *
 * A program should ignore events and fields that it does not know, because later versions may add some.
 *
 * To add an event: add its member to a union, and one row here. A missing row or field does not compile.
 * Never here: texts for people (event-text.ts). A run does not load this file.
 */
import * as v from "valibot";
import type { ServerEvent, TransferEvent } from "../../net/events.ts";
import { ERRORS, type ErrorCode } from "../../protocol/errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { OperateEvent } from "./event-text.ts";
import { code, count, flag, row, text } from "./json-event-fields.ts";
import { operateSchemas } from "./json-events-operate.ts";

// The fields that only these rows need; the others are in json-event-fields.ts.
const about = {
  transfer: v.pipe(text, v.regex(/^[0-9a-f]{32}$/), v.description("id of the transfer, chosen by the sender")),
  queue: text,
  name: v.pipe(text, v.description("name of the file, as the sender gave it")),
  size: v.pipe(v.nullable(count), v.description("bytes; null for a stream that has not ended")),
};
const failure = { code, message: v.pipe(text, v.description("for people; the words may change")) };
const offset = v.pipe(count, v.description("acknowledged bytes"));
const digest = v.pipe(text, v.description("hexadecimal"));
const host = text;
const port = v.pipe(count, v.maxValue(65_535));
const maybe = <T extends v.GenericSchema>(schema: T) => v.optional(schema);
const more = maybe(
  v.pipe(count, v.description("further files of this connection, for the same reason, without an event of their own")),
);
const times = maybe(v.pipe(count, v.description("how often since the previous event, if more than once")));
const maybeAbout = {
  transfer: maybe(about.transfer),
  queue: maybe(about.queue),
  name: maybe(about.name),
  size: maybe(about.size),
};
const peer = {
  connection: v.pipe(count, v.description("number of the connection since the start of the server; 0: none")),
  peer: v.pipe(text, v.description("address at the other end; empty: none")),
};
const role = v.picklist(["sender", "receiver", "operator"]);

/** The end of a run of any command. Each command has its own counts in `done`. */
const ENDS = {
  error: row("error", "The run or some of its files failed. The exit code is not 0.", {
    code: v.picklist([...(Object.keys(ERRORS) as ErrorCode[]), "usage", "output-lost", "runtime-unsupported"]),
    message: text,
    exitCode: v.picklist(Object.values(EXIT)),
  }),
};

/** The events of senders and receivers. */
const CLIENT = {
  connected: row("connected", "A server has answered.", {
    host,
    port,
    server: v.pipe(text, v.description("name and version of the server")),
    durability: v.pipe(text, v.description('"fsync": a stored file is on disk; "none": a power cut may lose it')),
  }),
  resumed: row("resumed", "The other end already has a part of the file; the transfer continues from there.", {
    ...about,
    offset,
  }),
  progress: row("progress", "Bytes that are durable at the server (send), or written and synced here (receive).", {
    ...about,
    offset,
  }),
  refused: row("refused", "This file failed for good in this run; the others go on.", {
    ...maybeAbout,
    ...failure,
    path: maybe(v.pipe(text, v.description("absolute path of the source, or the name of a stream"))),
  }),
  retrying: row("retrying", "The connection is made again, or a file that did not match its digest is moved again.", {
    ...failure,
    delayMs: count,
    attempt: count,
  }),
  ...ENDS,
};

// Both ends leave out some things in a folder: sockets, links that lead out of the folder, names that are too long.
const WARNING = row("warning", "Something in a folder was left out; the rest goes on.", {
  ...maybeAbout,
  path: v.pipe(text, v.description("send: its absolute path; receive: its path in the folder")),
  message: text,
});

/** The counts of a run that sends. */
const SENT = {
  stored: count,
  repeated: v.pipe(count, v.description("files that the server already had")),
  bytes: count,
  failed: count,
};

/** A sender: an offered file becomes stored or refused; with --wait, a stored file becomes collected or is outstanding. */
const SEND = {
  ...CLIENT,
  offered: row("offered", "The sender has offered this file to the server.", {
    ...about,
    path: v.pipe(text, v.description("its absolute path, or the name of a stream")),
  }),
  changed: row("changed", "The server has other content of the same size and time; sent as a new transfer.", {
    ...about,
    path: text,
    before: v.pipe(about.transfer, v.description("the transfer that the server has")),
  }),
  stored: row("stored", 'The server has the file: on its disk, unless durability is "none".', {
    ...about,
    digest,
    repeated: v.pipe(flag, v.description("the server already had it from an earlier run")),
    collected: v.pipe(flag, v.description("a receiver has already collected it")),
  }),
  collected: row("collected", "A receiver has collected and verified it.", {
    ...about,
    digest,
    collectedAtMs: v.pipe(v.nullable(count), v.description("when, in milliseconds since 1970; null if unknown")),
  }),
  outstanding: row("outstanding", "The waiting time is over, and nobody has collected the file.", {
    ...about,
    state: text,
  }),
  warning: WARNING,
  done: row("done", "The run was carried out.", SENT),
};

/** A watched folder: the events of a sender, and what happened to each file in the folder afterwards. */
const { collected: _, outstanding: __, ...SENDING } = SEND;
const WATCH = {
  ...SENDING,
  watching: row("watching", "The folder is watched from now on.", { folder: text, queue: text }),
  moved: row("moved", "A stored file was moved out of the folder.", { ...about, path: text, to: text }),
  deleted: row("deleted", "A stored file was deleted, or no longer existed.", { ...about, path: text }),
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

/** A receiver: delivered, landed, acked, in this order for each file; events of other files may come in between. */
const RECEIVE = {
  ...CLIENT,
  delivered: row("delivered", "The server delivers this file.", {
    ...about,
    digest,
    attempt: v.pipe(count, v.description("1 for the first delivery of the file")),
  }),
  landed: row("landed", "The file is in the folder, whole and verified.", {
    ...about,
    digest,
    path: v.pipe(text, v.description("its absolute path; empty if it was skipped, - for standard output")),
    skipped: v.pipe(flag, v.description("a file of that name exists, and --if-exists is skip")),
  }),
  warning: WARNING,
  acked: row("acked", "The server has the acknowledgement and will not deliver the file again.", about),
  done: row("done", "The run was carried out.", {
    landed: count,
    skipped: count,
    bytes: count,
    elsewhere: v.pipe(count, v.description("files that are being delivered to other receivers")),
    failed: count,
  }),
};

/**
 * A server. The events have the same names as at the two ends. Each event about a file names the connection, so a log can be
 * read by connection as well as by transfer.
 */
const SERVE = {
  listening: row("listening", "The server accepts connections. The port is the real one, also with --port 0.", {
    host,
    port,
  }),
  connected: row("connected", "A client has connected and introduced itself.", { ...peer, role, queue: maybe(text) }),
  disconnected: row("disconnected", "A connection has ended; with code and message if it was lost.", {
    ...peer,
    role,
    code: maybe(code),
    message: maybe(text),
  }),
  "turned-away": row("turned-away", "The server refused connections, all for the same reason.", {
    ...failure,
    connections: v.pipe(count, v.description("how many since the previous event; there is at most one event a second")),
    peer: v.pipe(text, v.description("address of the last of them")),
  }),
  resumed: row("resumed", "A sender continues an unfinished upload.", { ...about, ...peer, offset }),
  stored: row("stored", "A file is complete, verified, and on disk.", { ...about, ...peer, digest, repeated: flag }),
  delivered: row("delivered", "A receiver gets a file, under a lease.", { ...about, ...peer, attempt: count }),
  acked: row("acked", "A receiver has the file, and the server has removed it from its queue.", { ...about, ...peer }),
  refused: row("refused", "A file was refused; the sender hears why.", { ...about, ...peer, ...failure, more }),
  returned: row("returned", "A delivery failed, or its lease ran out. The file is first in its queue again.", {
    ...about,
    ...peer,
    reason: text,
    dead: v.pipe(flag, v.description("it failed too often and is now a dead letter")),
    more,
  }),
  expired: row("expired", "A file or an unfinished upload has expired.", {
    ...about,
    what: v.picklist(["file", "dead-letter", "upload"]),
    ageMs: v.pipe(v.number(), v.description("since it was stored, became a dead letter, or made progress")),
    dead: v.pipe(flag, v.description("it was not removed and is now a dead letter")),
  }),
  cancelled: row("cancelled", "An operator has deleted a transfer.", { ...about, ...peer }),
  requeued: row("requeued", "An operator has put dead letters back into their queue.", {
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
  metrics: row("metrics", "The address of metrics and health.", { host, port }),
  reloaded: row("reloaded", "The settings were read again.", {
    applied: v.pipe(v.array(text), v.readonly(), v.description("settings that are now in force")),
    restart: v.pipe(v.array(text), v.readonly(), v.description("changed settings that need a restart")),
  }),
  "reload-failed": row("reload-failed", "The settings could not be read again, and nothing was changed.", {
    code: text,
    message: text,
  }),
  draining: row("draining", "The server stops; so many connections are still open.", { connections: count }),
  // The only event with two meanings: an error that the server survives has no exit code.
  error: v.union([row("error", "An error that the server survives.", { ...failure, times }), ENDS.error]),
  done: row("done", "The server has ended in order.", {}),
};

/** The events that each command may print. What happens decides which of them come, and in which order. */
export const EVENT_SCHEMAS = {
  ...{ serve: SERVE, send: SEND, watch: WATCH, receive: RECEIVE },
  ...operateSchemas(ENDS, { ...ENDS, connected: CLIENT.connected, retrying: CLIENT.retrying }),
} as const;

/** A field as in JSON: Infinity is null. */
type Shown<E> = { [F in keyof E]: F extends "size" ? E[F] | null : E[F] };
/** The keys of all members of a union. */
type KeyOf<U> = U extends unknown ? keyof U : never;
/** The events of a union that the rows do not describe completely; `never` if there are none. */
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
