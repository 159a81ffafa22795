/**
 * Tokens: a file with the hashes of secrets, and what the holder of each may do.
 *
 *   fst_<id>_<secret>      id: 8 hexadecimal digits, no secret; secret: 32 random bytes, base64url
 *
 * Only the SHA-256 of a secret is kept. A slow hash would add nothing: it protects words that
 * people remember, and nobody finds 256 random bits by trying. A token is shown once, when it is
 * made. *Rotating* gives the same id a new secret, and may let the old one live on for a while.
 * *Revoking* ends it at once.
 *
 * The file is replaced as a whole (written, synced, renamed) under a lock. So a server always reads
 * one state of it, and two people who change it at once lose nothing. Never here: letting peers in
 * (token-gate.ts). Why: adr/0037.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import * as v from "valibot";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import { RIGHTS, type Right } from "../../server/access.ts";
import { makePrivateFolder, withLock, writeWhole } from "./private-files.ts";

// A file of a later format is refused as a whole: a right that is not understood must not be taken
// for a smaller one.
const FORMAT = 1;
/** Most tokens. More would make reading slow, and nobody could oversee them. */
export const TOKENS_MAX = 10_000;
/** Most bytes of the file: so many tokens with long names and a few dozen queues each. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024;
// Characters: enough for a name and a purpose, and a list stays readable.
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
        /** For people: whose token it is. */
        name: v.pipe(v.string(), v.maxLength(NAME_CHARS_MAX)),
        hash,
        /** Names, or beginnings of names that end with "*"; "*" alone is every queue. */
        queues: v.pipe(v.array(v.string()), v.minLength(1)),
        rights: v.pipe(v.array(v.picklist(RIGHTS)), v.minLength(1)),
        createdAtMs: timeMs,
        /** Null: never. */
        expiresAtMs: v.nullable(timeMs),
        /** The secret before the last rotation, which is accepted until `untilMs`. */
        previous: v.nullable(v.object({ hash, untilMs: timeMs })),
      }),
    ),
    v.maxLength(TOKENS_MAX),
  ),
});

/** What the file keeps about a token. */
export type TokenRecord = v.InferOutput<typeof SCHEMA>["tokens"][number];

/** A token to be made. */
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

/** Whether `token` is the one of `record` at this time. It takes equally long whatever is wrong. */
export function fits(token: string, record: TokenRecord | undefined, nowMs: number): boolean {
  const found = Buffer.from(hashOf(TOKEN.exec(token)?.[2] ?? ""), "hex");
  const same = (other: string) => timingSafeEqual(found, Buffer.from(other, "hex"));
  const { hash, previous } = record ?? NOBODY;
  const isCurrent = same(hash);
  const isPrevious = same(previous?.hash ?? NOBODY.hash) && nowMs < (previous?.untilMs ?? 0);
  return record !== undefined && (isCurrent || isPrevious) && !isExpired(record, nowMs);
}

/** The record that stands for an unknown id, so that the comparison takes as long as any other. */
const NOBODY: Pick<TokenRecord, "hash" | "previous"> = { hash: "0".repeat(64), previous: null };

/** Whether a token has expired, by the calendar. The moment itself is already too late. */
export const isExpired = ({ expiresAtMs }: TokenRecord, nowMs: number): boolean =>
  expiresAtMs !== null && expiresAtMs <= nowMs;

/**
 * Reads all tokens of a file. A missing file has none.
 * @throws FilespoolError file-unreadable: no permission, or it is not a file of tokens
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

/** Reads the file, unless it is larger than ours can be: a server reads it after each change. */
function readBounded(file: string): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe must not wait
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error("it is not a regular file");
    if (stat.size > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a token. Its secret is in the result `token` and nowhere else. Ids are drawn until one is
 * free, so an id means one token and no other.
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
 * Gives an id a new secret. The old one is good for `graceMs` more. At most one old secret is good
 * at a time: rotating twice within the grace ends the first at once.
 * @returns the new token; null: no token has that id
 * @throws FilespoolError file-unreadable, folder-unusable
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
 * @param token the token with that secret
 * @param before the record from before the rotation; undefined: there was none
 * @returns false if the token is no longer on record, because it was changed meanwhile
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

/**
 * Ends a token. @returns false: no token has that id
 * @throws FilespoolError file-unreadable, folder-unusable
 */
export async function revokeToken(file: string, id: string): Promise<boolean> {
  return change(file, (tokens) => {
    const rest = tokens.filter((record) => record.id !== id);
    return { tokens: rest, result: rest.length < tokens.length };
  });
}

/** A new secret: 256 bits, 43 characters in base64url, as TOKEN expects them. */
const newSecret = (): string => randomBytes(32).toString("base64url");

/**
 * Reads, changes and replaces the file under its lock. The result is returned only when the file is
 * on disk: a token that was shown and then lost with the power would be worse than none.
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
      // A file that could not be read again would lock everybody out.
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
