/**
 * The lines of `--json` of the commands that look and change: list, dead, status, show, cancel, requeue, purge; token, invite;
 * config. What holds for those of json-events.ts holds here: strict rows, a sentence for each, and a test with real runs.
 *
 *   filespool list --json           {"event":"queue","queue":"photos","files":3,...}     one per queue
 *                                   {"event":"done","rows":1}                            so the list is whole
 *   filespool list photos --json    {"event":"transfer","state":"waiting",...}           in the order of delivery
 *   filespool invite --json         {"event":"invite","invite":"filespool://..."}        a secret: keep it out of logs
 *
 * A row about a transfer has the fields that mean something in its state, and no others; they are those of the
 * protocol's own messages, and one that is missing here does not compile. Never here: how people are shown the same (operate-rows.ts).
 */
import * as v from "valibot";
import type { QueueInfo, TransferInfo } from "../../net/extensions/operate/operator.ts";
import { RIGHTS } from "../../net/server/access.ts";
import { TRANSFER_STATES } from "../../protocol/operate-messages.ts";
import { code, count, flag, row, text } from "./json-event-fields.ts";

const transfer = { transfer: v.pipe(text, v.regex(/^[0-9a-f]{32}$/)) };
const rows = v.pipe(count, v.description("how many there were; with this, the list is whole"));

/** One transfer, whatever its state. Moments are milliseconds since 1970. */
const TRANSFER = row("transfer", "One transfer; a field that means nothing in its state is left out.", {
  ...transfer,
  state: v.picklist(TRANSFER_STATES),
  queue: v.optional(text),
  name: v.optional(text),
  size: v.optional(v.pipe(count, v.description("bytes; absent while nobody knows it"))),
  kind: v.optional(v.pipe(text, v.description('"tar" for a folder'))),
  algorithm: v.optional(text),
  digest: v.optional(text),
  offset: v.optional(v.pipe(count, v.description("of an upload: bytes that are durable"))),
  isActive: v.optional(v.pipe(flag, v.description("of an upload: its sender is connected"))),
  atMs: v.optional(v.pipe(count, v.description("when it came into this state, or last made progress"))),
  failures: v.optional(v.pipe(count, v.description("deliveries that failed"))),
  reason: v.optional(text),
  firstFailedAtMs: v.optional(count),
  lastFailedAtMs: v.optional(count),
} satisfies Record<keyof TransferInfo, v.GenericSchema>);

/** An order that was carried out, or had been before. */
const ORDERED = {
  ...transfer,
  repeated: v.pipe(flag, v.description("it had been done before, and nothing has changed")),
};
/** One of several orders failed; the others were given all the same. */
const REFUSED = row("refused", "This order was refused; the others were given.", {
  code,
  message: text,
  path: v.pipe(text, v.description("id of the transfer, as it was typed")),
});
const FILES = row("done", "The order was carried out.", { files: count });
const EACH = row("done", "All orders were given.", { files: count, failed: count });

/** A token without its secret; `token` is there only where it was just made, and nowhere after that. */
const TOKEN = {
  id: v.pipe(text, v.regex(/^[0-9a-f]{8}$/)),
  name: v.pipe(text, v.description("for whom it is")),
  queues: v.pipe(v.array(text), v.readonly(), v.description('names, or beginnings that end with "*"')),
  rights: v.pipe(v.array(v.picklist(RIGHTS)), v.readonly()),
  createdAtMs: count,
  expiresAtMs: v.nullable(count),
};

/** By command. `ends` and `client` are what every command, and every client, may print besides. */
export const operateSchemas = <Ends extends object, Client extends object>(ends: Ends, client: Client) => ({
  list: {
    ...client,
    queue: row("queue", "One queue of the server.", {
      ...{ queue: text, files: count, bytes: count, dead: count, uploads: count },
    } satisfies Record<keyof QueueInfo, v.GenericSchema>),
    transfer: TRANSFER,
    done: row("done", "That was all.", { rows }),
  },
  dead: { ...client, transfer: TRANSFER, done: row("done", "That was all.", { rows }) },
  status: {
    ...client,
    transfer: TRANSFER,
    done: row("done", "All were looked up.", { rows, unknown: count }),
  },
  show: { ...client, transfer: TRANSFER },
  cancel: { ...client, cancelled: row("cancelled", "It is off its queue.", ORDERED), refused: REFUSED, done: EACH },
  // With --all it is one order about a queue, and has no row of its own.
  requeue: {
    ...client,
    requeued: row("requeued", "It is at the end of its queue.", ORDERED),
    refused: REFUSED,
    done: v.union([EACH, FILES]),
  },
  purge: { ...client, done: FILES },
  token: {
    ...ends,
    token: row("token", "A token of the list; or one that was made, with its secret.", {
      ...v.partial(v.object(TOKEN), ["name", "queues", "rights", "createdAtMs", "expiresAtMs"]).entries,
      token: v.optional(v.pipe(text, v.description("the secret, shown this once"))),
    }),
    revoked: row("revoked", "A token opens nothing any more.", { id: TOKEN.id }),
    done: row("done", "That was all.", { tokens: count }),
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
    mistake: row("mistake", "Something is wrong in the file.", { message: text }),
    setting: row("setting", "One setting as a command would use it.", {
      name: text,
      value: v.nullable(text),
      origin: text,
      from: text,
    }),
    done: row("done", "The file is right.", { settings: count }),
    written: row("written", "The file was made.", {
      path: v.pipe(text, v.description("its absolute path")),
      settings: v.pipe(count, v.description("how many settings it holds")),
    }),
  },
});
