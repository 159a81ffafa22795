/**
 * Extended headers: what a header of 512 bytes cannot hold, as records of text in front of it.
 *
 *   "30 mtime=1764374400.123456789\n"    length of the whole record in bytes, key, value
 *
 * A record is split off by its length alone, because a value may hold anything, line ends included:
 * the target of a link does. A program that splits at line ends reads records that nobody wrote.
 *
 * Programs put more in here than names and times, and some of it changes what a content *is*. GNU
 * tar packs a file with holes as a short file and a map. A program that does not know those keys
 * unpacks the short file, and nothing looks wrong. So every key has a verdict: it is used, it does
 * not matter, what it describes is left out with a warning, or the archive is refused with the name
 * of the form.
 *
 * Never here: the order of headers (tar-entries.ts). Format: POSIX.1-2017, pax, "pax Extended
 * Header"; the GNU tar manual, "Storing Sparse Files"; star(5), "SCHILY". Why: adr/0087.
 */
import { quoteName } from "../../../protocol/names.ts";
import { encodeHeader, paddingOf, TYPE } from "./tar-header.ts";
import { refusedArchive } from "./tar-names.ts";

/** Most bytes of an extended header: two of the longest paths, and many keys that do not matter. */
export const EXTENDED_BYTES_MAX = 64 * 1024;

/** Records by key. Of several with one key the last counts, as the format says. */
export type Records = ReadonlyMap<string, Buffer>;

/** Foreign forms that have keys and also types of their own, as they are called in an error. */
export const SPARSE = "a sparse file in GNU's form; pack it without --sparse (bsdtar: with --no-read-sparse)";
export const INCREMENT = "an increment and not all of the folder (GNU tar -g); pack it without -g";
export const VOLUMES = "one of several volumes; pack the folder into one archive";

/**
 * Keys that change what a content or the archive is, and what that is called. The names are those
 * that their programs use.
 */
const REFUSED: readonly (readonly [key: RegExp, what: string])[] = [
  [/^GNU\.sparse\./, `this archive holds ${SPARSE}`],
  [
    /^SCHILY\.realsize$|^SUN\.holesdata$/,
    "this archive holds a sparse file in a form of its own; pack it without holes",
  ],
  [/^GNU\.dumpdir$|^SCHILY\.(dir|dino)$/, `this archive holds ${INCREMENT}`],
  [/^GNU\.volume\.(filename|offset|size)$|^SCHILY\.offset$|^SCHILY\.volhdr\.volno$/, `this archive is ${VOLUMES}`],
];

/** Keys that do not matter: entries belong to the user who unpacks, and comments are for people. */
const OF_NO_ACCOUNT =
  /^(uid|gid|uname|gname|atime|ctime|comment|charset|LIBARCHIVE\.(creationtime|symlinktype)|SCHILY\.(dev|ino|nlink|devmajor|devminor|filetype|tarfiletype|archtype)|SUN\.(devmajor|devminor)|GNU\.volume\.label)$/;
/** Keys that are used. */
const USED = /^(path|linkpath|size|mtime|hdrcharset)$/;
/** Keys of things that are left out with a warning. */
const ATTRIBUTES =
  /^(SCHILY|LIBARCHIVE)\.xattr\.|^RHT\.security\.|^SCHILY\.(acl\.|fflags$)|^MSWINDOWS\.|^SUN\.(acl|attr)/;

/** What the records of an entry describe and is not unpacked, each in a few words. */
export function leftOutBy(records: Records): ReadonlySet<string> {
  const left = new Set<string>();
  for (const key of records.keys()) {
    if (ATTRIBUTES.test(key)) left.add("extended attributes or access lists");
    else if (!USED.test(key) && !OF_NO_ACCOUNT.test(key)) left.add(`what ${quoteName(key)} stands for in its header`);
  }
  return left;
}

/**
 * Decodes the records of an extended header.
 * @throws FilespoolError archive-refused: they are damaged, or describe a content that is not what
 * it seems
 */
export function decodeRecords(bytes: Buffer): Records {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = bytes.toString("latin1", at, Math.min(Math.max(space, at), at + 8));
    const end = at + (/^[1-9]\d*$/.test(digits) ? Number(digits) : 0);
    const equals = bytes.indexOf(0x3d, space);
    const isWhole = space < equals && equals < end && end <= bytes.length && bytes[end - 1] === 0x0a;
    if (!isWhole) throw refusedArchive("an extended header is damaged");
    const key = bytes.toString("utf8", space + 1, equals);
    for (const [pattern, what] of REFUSED) if (pattern.test(key)) throw refusedArchive(what);
    records.set(key, Buffer.from(bytes.subarray(equals + 1, end - 1)));
    at = end;
  }
  return records;
}

/** Encodes one record. Its length counts its own digits, and may get one digit longer by that. */
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const guess = rest + String(rest).length;
  return `${rest + String(guess).length} ${key}=${value}\n`;
}

/**
 * Encodes an extended header for the entry that follows: its own header, the records, the padding.
 */
export function encodeRecords(values: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.from(
    Object.entries(values)
      .map(([key, value]) => record(key, value))
      .join(""),
  );
  // A program that does not know extended headers unpacks them as files. This name tells a person
  // what they are.
  const name = "PaxHeader/extended";
  const { block } = encodeHeader({ type: TYPE.extended, name, mode: 0o644, size: body.length, seconds: 0 });
  return Buffer.concat([block, body, Buffer.alloc(paddingOf(body.length))]);
}
