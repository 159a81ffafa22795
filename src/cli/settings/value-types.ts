/**
 * The types that a setting's value can have: how a text is read, which texts are accepted, how a value is shown.
 *
 * A flag, an environment variable and an answer at a prompt are all text, so one parser per type serves every
 * source. A range is stated once: the check and the sentence in the error message use the same two numbers.
 * Parsers return null for "not accepted"; resolve.ts makes the error.
 *
 *   size(min, max)      bytes            "64KiB"       duration(min, max)   milliseconds     "30s"
 *   count(min, max)     a whole number   "17"          oneOf(words)         one of them      "fsync"
 *   text(what, check)   a text           "./spool"     toggle               true or false    "yes"
 *   orUnlimited(valueType)  Infinity, too    "never"     list(read)           several texts    "send,collect"
 *
 * settings.ts needs only these functions. One law holds for each value type, and a test checks it for every default:
 * parse(show(value)) is the value.
 */
import { placeOf } from "./place.ts";
import { exactDuration, exactSize, parseCount, parseDuration, parseSize } from "./units.ts";

/** How values of one kind are read from text and written back. `show(parse(text))` means the same as `text`. */
export interface ValueType<T> {
  /** The value, or null when the text is not accepted. */
  readonly parse: (text: string) => T | null;
  /** The shortest text for a value, for help, prompts and the command that needs no questions. */
  readonly show: (value: T) => string;
  /** What is accepted: the end of a sentence that begins with "it takes". */
  readonly accepts: string;
  /** The word for the value in a help text; null for a switch, which has none. */
  readonly argument: string | null;
  /** The accepted words, where there are only a few; shells complete them. */
  readonly words?: readonly string[];
  /** The same rule as JSON Schema, for editors. `parse` accepts whatever the schema accepts in a config file. */
  readonly schema: JsonSchema;
}

/** The part of JSON Schema that is needed here. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Turns a parser into one that also checks a range, both ends included. */
const within =
  (parse: (text: string) => number | null, min: number, max: number) =>
  (text: string): number | null => {
    // A text that is no number and a number out of range get the same answer, because the sentence covers both.
    const value = parse(text);
    return value === null || value < min || value > max ? null : value;
  };

/** Whole numbers of a range. The largest exact number is not mentioned as a bound. */
const integer = (min: number, max: number): JsonSchema => ({
  type: "integer",
  minimum: min,
  ...(max !== Number.MAX_SAFE_INTEGER && { maximum: max }),
});

/** A size in bytes. Without `max` the only upper bound is what a number can hold exactly. */
export function size(min: number, max: number = Number.MAX_SAFE_INTEGER): ValueType<number> {
  const range =
    max === Number.MAX_SAFE_INTEGER ? `of at least ${exactSize(min)}` : `from ${exactSize(min)} to ${exactSize(max)}`;
  return {
    parse: within(parseSize, min, max),
    show: exactSize,
    accepts: `a size ${range}, such as 64KiB, 1MiB or 1000000`,
    argument: "size",
    // A number counts bytes. The pattern checks only the form: a pattern cannot check the range of "64KiB".
    schema: { anyOf: [integer(min, max), { type: "string", pattern: "^\\d+ ?([bB]|[kKmMgGtT][iI]?[bB])?$" }] },
  };
}

/** A duration in milliseconds. */
export function duration(min: number, max: number): ValueType<number> {
  return {
    parse: within(parseDuration, min, max),
    show: exactDuration,
    accepts: `a duration from ${exactDuration(min)} to ${exactDuration(max)}, such as 500ms, 30s, 5m or 7d`,
    argument: "duration",
    schema: { type: "string", pattern: "^(0|\\d+ ?(ms|s|m|h|d))$" },
  };
}

/** A whole number in plain digits: "1e3" and "0x10" are more likely mistakes. */
export function count(min: number, max: number): ValueType<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return {
    parse: within(parseCount, min, max),
    show: String,
    accepts: `a whole number ${range}`,
    argument: "number",
    schema: integer(min, max),
  };
}

/**
 * Adds a word for "no limit" to a numeric value type, because leaving a setting out cannot undo a config file or the
 * default. The value is Infinity, which every comparison understands.
 */
export function orUnlimited(valueType: ValueType<number>, word: string): ValueType<number> {
  return {
    parse: (text) => (text.toLowerCase() === word ? Infinity : valueType.parse(text)),
    show: (value) => (value === Infinity ? word : valueType.show(value)),
    accepts: `${valueType.accepts}, or "${word}"`,
    argument: valueType.argument,
    schema: { anyOf: [valueType.schema, { const: word }] },
  };
}

/** One of a few words, in any case. The type of the value is the union of these words. */
export function oneOf<const W extends string>(words: readonly W[], argument: string): ValueType<W> {
  // "a, b or c", for a sentence.
  const last = words.length - 1;
  return {
    parse: (text) => words.find((word) => word === text.toLowerCase()) ?? null,
    show: (value) => value,
    accepts: `${words.slice(0, last).join(", ")} or ${words[last]}`,
    argument,
    words,
    schema: { enum: words },
  };
}

/**
 * Any text that passes `check`. The empty text never does: a shell makes `--out ""` of an unset variable, and that
 * would mean the working folder.
 */
export function text(
  argument: string,
  accepts: string,
  check: (text: string) => boolean = () => true,
): ValueType<string> {
  return {
    parse: (value) => (value !== "" && check(value) ? value : null),
    show: (value) => value,
    accepts,
    argument,
    schema: { type: "string", minLength: 1 },
  };
}

/** A host, with or without its port: place.ts separates the two. Nobody checks here whether the host exists. */
export const PLACE: ValueType<string> = text(
  "host",
  "a host name or an IP address",
  (host) => placeOf(host) !== null && !/[\s/]/.test(host),
);

/** Several texts separated by commas; none is empty. `read` returns one in the form in which it is kept, or null. */
export function list<T extends string>(
  argument: string,
  accepts: string,
  read: (text: string) => T | null,
): ValueType<readonly T[]> {
  return {
    parse: (value) => {
      const items = value.split(",").map((item) => read(item.trim()));
      return items.includes(null) ? null : (items as T[]);
    },
    show: (value) => value.join(","),
    accepts,
    argument,
    schema: { type: "string", minLength: 1 },
  };
}

/** A switch: a flag without a value; in a variable or a file, one of the usual words. */
export const toggle: ValueType<boolean> = {
  parse: (value) => {
    const word = value.toLowerCase();
    if (["1", "true", "yes", "on"].includes(word)) return true;
    return ["0", "false", "no", "off"].includes(word) ? false : null;
  },
  show: String,
  accepts: "true or false",
  argument: null,
  schema: { type: "boolean" },
};
