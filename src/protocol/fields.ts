/**
 * Fields that several messages share, each with its one rule. Read next: messages.ts.
 */
import * as v from "valibot";
import { LIMITS } from "./limits.ts";
import { utf8Fits } from "./names.ts";

const text = (charsMax: number) => v.pipe(v.string(), v.maxLength(charsMax));
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));

/** Ids of transfers and peers: 128 random or derived bits, which nobody can guess or collide with by accident. */
const id = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "an id is 32 hexadecimal digits"));
/** Names one delivery of a transfer: its fencing token. Only the server that made it reads it. */
const delivery = v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/));
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a digest is 64 hexadecimal digits"));
const algorithm = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/));
/**
 * Counted in bytes, since that is what a spool's index keys are bounded in. Shown to people: no control characters. Which
 * of these names may get new files is a narrower rule, asked for each offer: checkQueue in names.ts.
 */
const queue = v.pipe(
  v.string(),
  v.regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u, "a queue name has letters, digits, space, dot, dash and underscore"),
  v.check((text) => utf8Fits(text, LIMITS.queueBytesMax), `at most ${LIMITS.queueBytesMax} bytes in UTF-8`),
);
/** Only bounded here; which names are refused and which are changed: names.ts. */
const name = v.pipe(v.string(), v.maxLength(LIMITS.nameBytesMax));

/** What the content is a form of: absent or "file" for itself, "tar" for a folder. A server takes any. */
const kind = v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/)));

/** The permission bits at the sender. A bit that is none of these (setuid, setgid, sticky) has no business in a message. */
const mode = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777)));
/** The time of change in seconds since 1970, as text: a number of JSON would lose the nanoseconds, and a file may be older. */
const mtime = v.optional(v.pipe(v.string(), v.regex(/^-?\d{1,12}(\.\d{1,9})?$/, "a time is a decimal number")));

/** In one object, because each of the names alone says too little outside of a schema. */
export const FIELDS = { text, bytes, count, id, delivery, digest, algorithm, queue, name, kind, mode, mtime } as const;
