/**
 * Fields that several messages share, each with its one rule.
 *
 * A rule that stands here once cannot differ between two messages. Each bounds its field, because
 * whatever a peer may send without a bound is memory that it can take. Read next: messages.ts.
 */
import * as v from "valibot";
import { LIMITS } from "./limits.ts";
import { utf8Fits } from "./names.ts";

/** Any text up to so many UTF-16 code units. */
const text = (charsMax: number) => v.pipe(v.string(), v.maxLength(charsMax));
/** A number of bytes, or an offset: exact in a JavaScript number. */
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** A number of things, at least one. */
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));

/**
 * The id of a transfer or a peer: 128 bits, random or derived, that nobody can guess or meet by
 * accident.
 */
const id = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "an id is 32 hexadecimal digits"));
/** The fencing token of a delivery, and so its name. Only the server that made it can read it. */
const delivery = v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/));
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a digest is 64 hexadecimal digits"));
const algorithm = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/));
/**
 * The name of a queue. Its length is counted in bytes, because the keys of a spool's index are
 * bounded in bytes. It has no control characters, because it is shown to people. A narrower rule
 * says which of these names may get new files: checkQueue in names.ts, asked for each offer.
 */
const queue = v.pipe(
  v.string(),
  v.regex(
    /^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u,
    "a queue name begins with a letter or digit, and has letters, digits, spaces, dots, dashes and underscores",
  ),
  v.check((text) => utf8Fits(text, LIMITS.queueBytesMax), `at most ${LIMITS.queueBytesMax} bytes in UTF-8`),
);
/**
 * The name of a file. The schema only bounds its length; which names are refused and which are
 * changed: names.ts.
 */
const name = v.pipe(v.string(), v.maxLength(LIMITS.nameBytesMax));

/**
 * What the content is a form of: left out or "file" for a file, "tar" for a folder. A server takes
 * any kind.
 */
const kind = v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/)));

/**
 * The permission bits of the file at the sender. The bits setuid, setgid and sticky must not
 * travel.
 */
const mode = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777)));
/**
 * When the file last changed, in seconds since 1970 and as text. A number in JSON would lose the
 * nanoseconds. A file may be older than 1970.
 */
const mtime = v.optional(v.pipe(v.string(), v.regex(/^-?\d{1,12}(\.\d{1,9})?$/, "a time is a decimal number")));

/** All in one object, because a name like "text" says too little when it is imported alone. */
export const FIELDS = { text, bytes, count, id, delivery, digest, algorithm, queue, name, kind, mode, mtime } as const;
