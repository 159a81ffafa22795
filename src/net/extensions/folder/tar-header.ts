/**
 * The header of an entry in a tar archive: 512 bytes, and what each of them means.
 *
 *   offset  bytes  field        offset  bytes  field
 *        0    100  name            156      1  type of the entry
 *      100      8  mode            157    100  name that a link leads to
 *      124     12  size            257      6  "ustar" and a NUL: POSIX
 *      136     12  time            263      2  version, "00"
 *      148      8  checksum        345    155  what comes before the name (POSIX only)
 *
 * A text ends with a NUL or with its field. Numbers are octal digits. For larger ones most programs
 * write a binary number in two's complement and set the highest bit of the field, which ASCII never
 * has. What fits neither way goes into an extended header in front (tar-pax.ts). Headers without
 * the POSIX mark (v7 and GNU) have other things in the place of the second half of a name, so the
 * mark is looked at first.
 *
 * A header proves itself by the sum of its bytes, with its own field counted as spaces. A number
 * field that is no number refuses the archive: two programs that read it in two ways would unpack
 * two different things. Never here: which types of entries are unpacked (tar-entries.ts). Format:
 * POSIX.1-2017, pax, "ustar Interchange Format"; the GNU tar manual, "Basic Tar Format". Why it is
 * decoded here: adr/0087.
 */
import { refusedArchive } from "./tar-names.ts";

/** Unit of a tar archive, bytes. */
export const BLOCK_BYTES = 512;
/** The letter that says what kind an entry is. */
export const TYPE = { file: "0", hardLink: "1", link: "2", folder: "5", extended: "x" } as const;

/** Where each field is: its offset and its length, bytes. */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const OWNERS = [108, 16] as const; // two numbers, which we do not send
const SIZE = [124, 12] as const;
const TIME = [136, 12] as const;
const SUM = [148, 8] as const;
const TYPE_AT = 156;
const LINK_NAME = [157, 100] as const;
const MARK_AT = 257;
const POSIX_MARK = "ustar\x0000";
const PREFIX = [345, 155] as const;
/** The first number that eleven octal digits cannot hold; for a time, in the year 2242. */
const OCTAL_END = 8 ** 11;

type Field = readonly [at: number, bytes: number];

/** A header as it is in the archive. Names are bytes, until it is known which of several counts. */
export interface Header {
  readonly type: string;
  readonly name: Buffer;
  readonly linkName: Buffer;
  readonly mode: number;
  /** Bytes; never negative. */
  readonly size: number;
  /** Seconds since 1970; may be negative. */
  readonly seconds: number;
}

/** Bytes of padding after a content of that size. */
export const paddingOf = (size: number): number => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;

/** Whether all bytes are zero, as in the blocks at the end of an archive. */
export const isEmpty = (bytes: Buffer): boolean => bytes[0] === 0 && bytes.equals(Buffer.alloc(bytes.length));

/** Decodes a block. @throws FilespoolError archive-refused: a field is damaged */
export function decodeHeader(block: Buffer): Header {
  if (sumOf(block) !== numberIn(block, SUM)) throw damaged();
  const size = numberIn(block, SIZE);
  if (size < 0) throw refusedArchive("the size of an entry is negative");
  const isPosix = block.toString("latin1", MARK_AT, MARK_AT + POSIX_MARK.length) === POSIX_MARK;
  const name = textIn(block, NAME);
  const prefix = isPosix ? textIn(block, PREFIX) : Buffer.alloc(0);
  return {
    type: block.toString("latin1", TYPE_AT, TYPE_AT + 1),
    // A copy, because the block is a view of a buffer that is used again.
    name: prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), name]) : Buffer.from(name),
    linkName: Buffer.from(textIn(block, LINK_NAME)),
    mode: numberIn(block, MODE),
    size,
    seconds: numberIn(block, TIME),
  };
}

/** The fields from which a header is written. */
export interface Encoded extends Omit<Header, "name" | "linkName"> {
  readonly name: string;
  readonly linkName?: string;
}

/**
 * Encodes a header.
 * @returns the block, and the fields that do not hold their full value. Those have to be in an
 * extended header as well. A name that is too long is cut at a character, as a hint for people who
 * look at the archive.
 */
export function encodeHeader(data: Encoded): { readonly block: Buffer; readonly misfits: ReadonlySet<keyof Encoded> } {
  const { type, name, linkName = "", mode, size, seconds } = data;
  const block = Buffer.alloc(BLOCK_BYTES);
  const misfits = new Set<keyof Encoded>();
  const text = (value: string, [at, bytes]: Field, key: keyof Encoded) => {
    // Non-ASCII bytes mean different things to old programs. Extended headers are always UTF-8.
    if (block.write(value, at, bytes, "utf8") < value.length || /[^ -~]/.test(value)) misfits.add(key);
  };
  const octal = (value: number, [at, bytes]: Field) => block.write(value.toString(8).padStart(bytes - 1, "0"), at);
  const [front, rest] = split(name);
  text(rest, NAME, "name");
  text(front, PREFIX, "name");
  octal(mode, MODE);
  block.fill("0000000\0", ...range(OWNERS));
  if (size >= OCTAL_END) misfits.add("size");
  octal(size < OCTAL_END ? size : 0, SIZE);
  if (seconds < 0 || seconds >= OCTAL_END) misfits.add("seconds");
  octal(Math.min(Math.max(0, seconds), OCTAL_END - 1), TIME);
  block.write(type, TYPE_AT);
  text(linkName, LINK_NAME, "linkName");
  block.write(POSIX_MARK, MARK_AT, "latin1");
  octal(sumOf(block), [SUM[0], SUM[1] - 1]);
  block[SUM[0] + SUM[1] - 1] = 0x20; // six digits, a NUL, a space, as always always written it
  return { block, misfits };
}

/** Splits a name of more than 100 bytes at a slash, if both halves fit. */
function split(name: string): readonly [front: string, rest: string] {
  if (name.length <= NAME[1]) return ["", name];
  // The last slash whose front fits. A slash at the end belongs to the name of a folder.
  const at = name.slice(0, PREFIX[1] + 1).lastIndexOf("/", name.length - 2);
  return at > 0 && name.length - at - 1 <= NAME[1] ? [name.slice(0, at), name.slice(at + 1)] : ["", name];
}

const range = ([at, bytes]: Field): [number, number] => [at, at + bytes];

/** The bytes of a text, without its NUL. */
function textIn(block: Buffer, field: Field): Buffer {
  const bytes = block.subarray(...range(field));
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** The number in a field. Without digits it is 0: old programs leave a field empty. */
function numberIn(block: Buffer, field: Field): number {
  const bytes = block.subarray(...range(field));
  if (((bytes[0] as number) & 0x80) !== 0) {
    const value = Number(BigInt.asIntN(8 * bytes.length - 1, BigInt(`0x${bytes.toString("hex")}`)));
    if (!Number.isSafeInteger(value)) throw damaged();
    return value;
  }
  const digits = textIn(block, field).toString("latin1").trim();
  if (!/^[0-7]*$/.test(digits)) throw damaged();
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** The sum of all bytes, with those of the sum field counted as spaces. */
function sumOf(block: Buffer): number {
  let sum = SUM[1] * 0x20;
  for (let at = 0; at < SUM[0]; at++) sum += block[at] as number;
  for (let at = SUM[0] + SUM[1]; at < BLOCK_BYTES; at++) sum += block[at] as number;
  return sum;
}

const damaged = () => refusedArchive("a header is damaged");
