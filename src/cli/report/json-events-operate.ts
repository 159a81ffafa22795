/**
 * The events that `--json` prints for the commands of operators (list, dead, status, show, cancel, requeue, purge), and for
 * token, invite and config. As in json-events.ts, rows are strict, each has a sentence, and a test checks real runs.
 *
 *   filespool list --json           {"event":"queue","queue":"photos","files":3,...}     one per queue
 *                                   {"event":"done","rows":1}                            so the list is complete
 *   filespool list photos --json    {"event":"transfer","state":"waiting",...}           in the order of delivery
 *   filespool invite --json         {"event":"invite","invite":"filespool://..."}        a secret: keep it out of logs
 *
 * A row about a transfer has only the fields that mean something in its state. They are those of the protocol's messages; a
 * missing field does not compile. Never here: the tables for people (operate-rows.ts).
 */
import * as v from "valibot";
import type { QueueInfo, TransferInfo } from "../../net/extensions/operate/operator.ts";
import { RIGHTS } from "../../net/server/access.ts";
import { TRANSFER_STATES } from "../../protocol/operate-messages.ts";
import { code, count, flag, row, text } from "./json-event-fields.ts";

const transfer = { transfer: v.pipe(text, v.regex(/^[0-9a-f]{32}$/)) };
const rows = v.pipe(count, v.description("number of rows; the list is complete"));

/** One transfer, whatever its state. Moments are milliseconds since 1970. */
const TRANSFER = row("transfer", "One transfer; a field that means nothing in its state is left out.", {
  ...transfer,
  state: v.picklist(TRANSFER_STATES),
  queue: v.optional(text),
  name: v.optional(text),
  size: v.optional(v.pipe(count, v.description("bytes; left out while unknown"))),
  kind: v.optional(v.pipe(text, v.description('"tar" for a folder'))),
  algorithm: v.optional(text),
  digest: v.optional(text),
  offset: v.optional(v.pipe(count, v.description("of an upload: durable bytes"))),
  isActive: v.optional(v.pipe(flag, v.description("of an upload: its sender is connected"))),
  atMs: v.optional(v.pipe(count, v.description("when it entered this state, or made its last progress"))),
  failures: v.optional(v.pipe(count, v.description("failed deliveries"))),
  reason: v.optional(text),
  firstFailedAtMs: v.optional(count),
  lastFailedAtMs: v.optional(count),
} satisfies Record<keyof TransferInfo, v.GenericSchema>);

/** An order that was carried out now or before. */
const ORDERED = {
  ...transfer,
  repeated: v.pipe(flag, v.description("it was done before, so nothing has changed")),
};
/** One of several orders failed; the others were still sent. */
const REFUSED = row("refused", "The server refused this order; the others were still sent.", {
  code,
  message: text,
  path: v.pipe(text, v.description("id of the transfer, as typed")),
});
const FILES = row("done", "The order was carried out.", { files: count });
const EACH = row("done", "All orders were sent.", { files: count, failed: count });

/** A token without its secret. Only the event of a new token has the field `token`. */
const TOKEN = {
  id: v.pipe(text, v.regex(/^[0-9a-f]{8}$/)),
  name: v.pipe(text, v.description("name of the person or program")),
  queues: v.pipe(v.array(text), v.readonly(), v.description('names, or beginnings that end with "*"')),
  rights: v.pipe(v.array(v.picklist(RIGHTS)), v.readonly()),
  createdAtMs: count,
  expiresAtMs: v.nullable(count),
};

/** The events by command. Every command may also print `ends`, and every client `client`. */
export const operateSchemas = <Ends extends object, Client extends object>(ends: Ends, client: Client) => ({
  list: {
    ...client,
    queue: row("queue", "One queue of the server.", {
      ...{ queue: text, files: count, bytes: count, dead: count, uploads: count },
    } satisfies Record<keyof QueueInfo, v.GenericSchema>),
    transfer: TRANSFER,
    done: row("done", "The list is complete.", { rows }),
  },
  dead: { ...client, transfer: TRANSFER, done: row("done", "The list is complete.", { rows }) },
  status: {
    ...client,
    transfer: TRANSFER,
    done: row("done", "All transfers were looked up.", { rows, unknown: count }),
  },
  show: { ...client, transfer: TRANSFER },
  cancel: {
    ...client,
    cancelled: row("cancelled", "The transfer was deleted.", ORDERED),
    refused: REFUSED,
    done: EACH,
  },
  // requeue --all is one order about a queue, without a row of its own.
  requeue: {
    ...client,
    requeued: row("requeued", "The file is at the end of its queue.", ORDERED),
    refused: REFUSED,
    done: v.union([EACH, FILES]),
  },
  purge: { ...client, done: FILES },
  token: {
    ...ends,
    token: row("token", "A token of the list, or a new token with its secret.", {
      ...v.partial(v.object(TOKEN), ["name", "queues", "rights", "createdAtMs", "expiresAtMs"]).entries,
      token: v.optional(v.pipe(text, v.description("the secret, which is shown only once"))),
    }),
    revoked: row("revoked", "A token is no longer valid.", { id: TOKEN.id }),
    done: row("done", "The list is complete.", { tokens: count }),
  },
  invite: {
    ...ends,
    invite: row("invite", "An invite, with the secret of its token.", {
      ...TOKEN,
      invite: v.pipe(text, v.description("the address to pass on")),
    }),
  },
  config: {
    ...ends,
    mistake: row("mistake", "A mistake in the config file.", { message: text }),
    setting: row("setting", "A setting with the value that the command would use.", {
      name: text,
      value: v.nullable(text),
      origin: text,
      from: text,
    }),
    done: row("done", "The file has no mistakes.", { settings: count }),
    written: row("written", "The config file was written.", {
      path: v.pipe(text, v.description("its absolute path")),
      settings: v.pipe(count, v.description("number of settings in it")),
    }),
  },
});
