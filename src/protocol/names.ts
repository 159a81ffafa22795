/**
 * File names from the wire are hostile: the one function that decides under which name a file may land.
 *
 * A sender that means well sends the last part of a path. One that does not sends "../../.ssh/rc", and a
 * long row of tools wrote where they were told (magic-wormhole twice in one year; field after field of
 * CVEs before it). So a name is either refused, when no harmless reading of it exists, or *neutralised*
 * into a single path component that means the same on every system:
 *
 *   refused       empty, ".", "..", a "/" or NUL anywhere, broken UTF-16, more than 255 bytes
 *   replaced      control and bidirectional-override characters, "\", the colon of a drive ("c:a"; a later one,
 *   by "_"        as in "12:30.log", is an ordinary character except on Windows, which then refuses the file
 *                 or adds to another), a trailing dot or space (Windows drops them, and two names become one)
 *   prefixed      device names such as "con" or "lpt1.txt" (on Windows they are devices in every folder),
 *   with "_"      and names that start with ".filespool", also as a forgiving file system compares them
 *   composed      to Unicode NFC, so that "é" from a Mac and "é" from Linux are the same file
 *
 * The server asks it before it takes an offer, so that a sender hears "no" at once; the receiver asks it
 * again, because its server may be hostile too. Rules as a table of cases: test/vectors/names.json.
 */
import { FilespoolError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** Names of our own files in a target folder start with this; no landed file may. */
export const OWN_PREFIX = ".filespool";

/** C0, DEL, C1; line and paragraph separators; marks and overrides that make "gpj.exe" read as "exe.jpg". */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *([.:]|$)/i;

const utf8 = new TextEncoder();

/** Whether a text has at most so many bytes in UTF-8. A UTF-16 unit is three at most, so most need no counting. */
export const utf8Fits = (text: string, bytesMax: number): boolean =>
  text.length * 3 <= bytesMax || utf8.encode(text).length <= bytesMax;

/** Names that none of the rules below would change, so that most need one look. */
const PLAIN = /^[\w-](?:[\w .-]{0,200}[\w-])?$/;

/**
 * The name under which a file may be created in a folder: one path component.
 * @throws FilespoolError name-refused with the reason
 */
export function safeName(wireName: string): string {
  if (PLAIN.test(wireName) && !DEVICE.test(wireName)) return wireName;
  const refuse = (why: string) => new FilespoolError("name-refused", `the file name ${quoteName(wireName)} ${why}`);
  if (wireName === "") throw refuse("is empty");
  if (wireName.includes("/") || wireName.includes("\0")) throw refuse("contains a path separator or a NUL");
  if (/^\.{1,2}$/.test(wireName)) throw refuse("is a folder, not a file");
  if (/\p{Surrogate}/u.test(wireName)) throw refuse("is not valid Unicode");
  let name = wireName.normalize("NFC").replace(INVISIBLE, "_").replaceAll("\\", "_").replace(/^(.):/u, "$1_");
  name = name.replace(/[. ]+$/, (tail) => "_".repeat(tail.length));
  if (DEVICE.test(name) || looksLikeOurs(name)) name = `_${name}`;
  if (!utf8Fits(name, LIMITS.nameBytesMax)) throw refuse(`is longer than ${LIMITS.nameBytesMax} bytes`);
  return name;
}

/** Case, ligatures and invisible joiners do not tell two names apart on every disk (in git: CVE-2014-9390). */
function looksLikeOurs(name: string): boolean {
  const folded = name.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "");
  return folded.toLowerCase().startsWith(OWN_PREFIX);
}

/** "photo.jpg", 2 -> "photo (2).jpg", shortened where it would become too long for a file system. */
export function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  const suffix = ` (${number})${ending}`;
  const chars = [...stem];
  while (utf8.encode(chars.join("") + suffix).length > LIMITS.nameBytesMax) chars.pop();
  return chars.join("") + suffix;
}

/** A name as it may be shown in a sentence or on a terminal: in quotes, invisible characters escaped, bounded. */
export function quoteName(name: string): string {
  const shown = name.length > 80 ? `${name.slice(0, 77)}...` : name;
  return `"${shown.replace(INVISIBLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
}
