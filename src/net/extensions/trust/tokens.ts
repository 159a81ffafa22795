/**
 * Tokens: a file with the hashes of secrets, and what the holder of each may do.
 *
 *   fst_<id>_<secret>      id: 8 hexadecimal digits, no secret; secret: 32 random bytes, base64url
 *
 * Only the SHA-256 of a secret is kept. A slow hash would add nothing: it is for words that people can remember, and nobody
 * finds 256 random bits by trying. A token is shown once, when it is made. To *rotate* gives the same id a new secret, and may let
 * the old one live on for a while; to *revoke* ends it at once.
 *
 * The file is changed by whole replacement (written, synced, renamed) under a lock, so that a server which reads it at any
 * moment reads one state of it, and two people who change it at once lose nothing. Who reads it: token-gate.ts. Why: adr/0037.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import * as v from "valibot";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import { RIGHTS, type Right } from "../../server/access.ts";
import { makePrivateFolder, withLock, writeWhole } from "./private-files.ts";

// A file of a later format is refused whole: a right that is not understood must not be taken for a smaller one.
const FORMAT = 1;
/** More would make each look at the file slow, and nobody could oversee them. */
export const TOKENS_MAX = 10_000;
/** So many tokens with long names and a few dozen queues each; what is read at once has to be bounded. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024;
// Characters; enough for a name and a purpose, and a list of tokens stays a list.
const NAME_CHARS_MAX = 100;
const TOKEN = /^fst_([0-9a-f]{8})_([\w-]{43})$/;

const timeMs = v.pipe(v.number(), v.integer(), v.minValue(0));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const SCHEMA = v.object({
  format: v.literal(FORMAT),
  tokens: v.pipe(
    v.array(
      v.object({
        id: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/)),
        /** For people: whose it is. */
        name: v.pipe(v.string(), v.maxLength(NAME_CHARS_MAX)),
        hash,
        /** Names, or beginnings of names that end with "*"; "*" alone is every queue. */
        queues: v.pipe(v.array(v.string()), v.minLength(1)),
        rights: v.pipe(v.array(v.picklist(RIGHTS)), v.minLength(1)),
        createdAtMs: timeMs,
        /** Null: never. */
        expiresAtMs: v.nullable(timeMs),
        /** The secret before the last rotation, which is accepted until then. */
        previous: v.nullable(v.object({ hash, untilMs: timeMs })),
      }),
    ),
    v.maxLength(TOKENS_MAX),
  ),
});

/** What the file keeps about a token. */
export type TokenRecord = v.InferOutput<typeof SCHEMA>["tokens"][number];

/** What is to be made. */
export interface TokenWish {
  readonly name: string;
  readonly queues: readonly string[];
  readonly rights: readonly Right[];
  readonly expiresAtMs: number | null;
}

/** 64 hexadecimal digits, as the file keeps them. */
const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/** The id in a token, which is no secret; null when it does not look like one. */
export const tokenId = (token: string): string | null => TOKEN.exec(token)?.[1] ?? null;

/** Whether `token` is the one of `record` at this time. The comparison takes as long whatever is wrong. */
export function fits(token: string, record: TokenRecord | undefined, nowMs: number): boolean {
  const found = Buffer.from(hashOf(TOKEN.exec(token)?.[2] ?? ""), "hex");
  const same = (other: string) => timingSafeEqual(found, Buffer.from(other, "hex"));
  const { hash, previous } = record ?? NOBODY;
  const isCurrent = same(hash);
  const isPrevious = same(previous?.hash ?? NOBODY.hash) && nowMs < (previous?.untilMs ?? 0);
  return record !== undefined && (isCurrent || isPrevious) && !isExpired(record, nowMs);
}

/** What a token is compared with whose id nobody has, so that it takes as long as any other. */
const NOBODY: Pick<TokenRecord, "hash" | "previous"> = { hash: "0".repeat(64), previous: null };

/** By the calendar, in milliseconds since the epoch: the moment itself is already too late. */
export const isExpired = ({ expiresAtMs }: TokenRecord, nowMs: number): boolean =>
  expiresAtMs !== null && expiresAtMs <= nowMs;

/**
 * All tokens of a file; a file that is not there has none.
 * @throws FilespoolError file-unreadable: rights, or it is not such a file
 */
export function readTokens(file: string): TokenRecord[] {
  try {
    return v.parse(SCHEMA, JSON.parse(readBounded(file))).tokens;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    const why = `cannot use the tokens in ${file}: ${describe(error)}`;
    throw new FilespoolError("file-unreadable", why, { cause: error });
  }
}

/** Its text, unless it is larger than a file of ours can be: a server reads it again whenever it changes. */
function readBounded(file: string): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe without a writer would be waited for
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error("it is no regular file");
    if (stat.size > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a token. The secret is in `token` and nowhere else. Ids are drawn until one is free, so `revoke` means one
 * token and no other.
 * @throws FilespoolError file-unreadable, folder-unusable
 */
export async function createToken(
  file: string,
  { name, queues, rights, expiresAtMs }: TokenWish,
  nowMs: number,
): Promise<{ record: TokenRecord; token: string }> {
  return change(file, (tokens) => {
    if (tokens.length >= TOKENS_MAX)
      throw new FilespoolError("folder-unusable", `${file} has ${TOKENS_MAX} tokens already`);
    let id = randomBytes(4).toString("hex");
    while (tokens.some((other) => other.id === id)) id = randomBytes(4).toString("hex");
    const secret = newSecret();
    const record: TokenRecord = {
      ...{ id, name: name.slice(0, NAME_CHARS_MAX), hash: hashOf(secret) },
      ...{ queues: [...queues], rights: [...rights], createdAtMs: nowMs, expiresAtMs, previous: null },
    };
    return { tokens: [...tokens, record], result: { record, token: `fst_${id}_${secret}` } };
  });
}

/**
 * A new secret for the same id; the old one is good for `graceMs` more. Null: nobody has that id. At most one old
 * secret is good at a time: rotating twice within the grace ends the first at once.
 */
export async function rotateToken(file: string, id: string, graceMs: number, nowMs: number): Promise<string | null> {
  return change(file, (tokens) => {
    const secret = newSecret();
    const rotated = (record: TokenRecord): TokenRecord => ({
      ...record,
      hash: hashOf(secret),
      previous: graceMs > 0 ? { hash: record.hash, untilMs: nowMs + graceMs } : null,
    });
    const isKnown = tokens.some((record) => record.id === id);
    const changed = tokens.map((record) => (record.id === id ? rotated(record) : record));
    return { tokens: changed, result: isKnown ? `fst_${id}_${secret}` : null };
  });
}

/**
 * Takes back a token that was made or rotated, because nobody has seen its secret.
 * @param token with that secret, @param before the record that it had before; undefined: there was none
 * @returns false when it is not on record any more, since somebody has changed it meanwhile
 * @throws FilespoolError file-unreadable, folder-unusable
 */
export async function takeBackToken(file: string, token: string, before?: TokenRecord): Promise<boolean> {
  const [, id = "", secret = ""] = TOKEN.exec(token) ?? [];
  const isIt = (record: TokenRecord) => record.id === id && record.hash === hashOf(secret);
  return change(file, (tokens) => ({
    tokens: tokens.flatMap((record) => (!isIt(record) ? [record] : before ? [before] : [])),
    result: tokens.some(isIt),
  }));
}

/** Ends a token. False: nobody has that id. @throws FilespoolError file-unreadable, folder-unusable */
export async function revokeToken(file: string, id: string): Promise<boolean> {
  return change(file, (tokens) => {
    const rest = tokens.filter((record) => record.id !== id);
    return { tokens: rest, result: rest.length < tokens.length };
  });
}

/** 256 bits: 43 characters in base64url, as TOKEN expects them. */
const newSecret = (): string => randomBytes(32).toString("base64url");

/**
 * Reads, changes and replaces the file, while nobody else does. The result goes out only when the file is on disk: a
 * token that was shown and is lost with the power would be worse than one that was never made.
 * @throws FilespoolError folder-unusable, file-unreadable
 */
async function change<T>(
  file: string,
  work: (tokens: TokenRecord[]) => { tokens: TokenRecord[]; result: T },
): Promise<T> {
  try {
    await makePrivateFolder(dirname(file));
    return await withLock(`${file}.lock`, async () => {
      const { tokens, result } = work(readTokens(file));
      const text = `${JSON.stringify({ format: FORMAT, tokens }, null, 2)}\n`;
      // What could not be read again would lock everybody out.
      if (Buffer.byteLength(text) > FILE_BYTES_MAX)
        throw new FilespoolError("folder-unusable", `${file} would have more than ${FILE_BYTES_MAX} bytes`);
      await writeWhole(file, text, 0o600);
      return result;
    });
  } catch (error) {
    if (error instanceof FilespoolError) throw error;
    throw new FilespoolError("folder-unusable", `cannot write ${file}: ${describe(error)}`, { cause: error });
  }
}
