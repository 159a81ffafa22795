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
 *   with "_"      and what our own programs read or write: names that start with ".filespool", and
 *                 "filespool.config.json", also as a forgiving file system compares them
 *   composed      to Unicode NFC, so that "é" from a Mac and "é" from Linux are the same file
 *
 * The server asks it before it takes an offer, so that a sender hears "no" at once; the receiver asks it
 * again, because its server may be hostile too. Rules as a table of cases: test/vectors/names.json.
 */
import { FilespoolError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** Names of our own files in a target folder start with this; no landed file may. */
export const OWN_PREFIX = ".filespool";
/** How people call a config file that lies beside their files. A received file must never become one. */
export const CONFIG_NAME = "filespool.config.json";

/** C0, DEL, C1; line and paragraph separators; marks and overrides that make "gpj.exe" read as "exe.jpg". */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *([.:]|$)/i;

/** Letters and marks that show nothing: a name with one of them looks like the name without it. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

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
  if (PLAIN.test(wireName) && !DEVICE.test(wireName) && !isConfigName(wireName)) return wireName;
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

/**
 * A name in the form in which two names are the same file on the most forgiving disk: case, ligatures and invisible
 * joiners do not tell them apart everywhere (in git: CVE-2014-9390). For comparing; no file is ever called like this.
 * Through capitals to small letters, because some letters meet only there (our i, and that of Turkish without a dot).
 */
export const foldedName = (name: string): string =>
  name.normalize("NFKC").replace(IGNORABLE, "").toUpperCase().toLowerCase();

const isConfigName = (name: string): boolean =>
  name.length === CONFIG_NAME.length && name.toLowerCase() === CONFIG_NAME;

/** The short names by which FAT and NTFS know ".filespool-..." and "filespool...": "FILESP~1", or "FI" and a checksum. */
const SHORT = /^fi(lesp|[0-9a-f]{4})~[0-9]/;

function looksLikeOurs(name: string): boolean {
  const folded = foldedName(name);
  return folded.startsWith(OWN_PREFIX) || isConfigName(folded) || SHORT.test(folded);
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

/** Most queue names: letters, digits and single spaces, all of which can be seen. */
const PLAIN_QUEUE = /^[\w.-]+( [\w.-]+)*$/;

/**
 * Refuses to put a file into a queue whose name looks like that of another queue: "photos " beside "photos", a letter
 * that shows nothing, two ways to write one letter. Only sending asks this. Files that wait in such a queue since
 * before there was this rule can still be collected, listed and removed. Letters of two alphabets that look alike
 * (Latin "a", Cyrillic "а") are not told apart here: most of those names are honest. Why: adr/0070.
 * @throws FilespoolError name-refused with the reason
 */
export function checkQueue(queue: string): void {
  if (PLAIN_QUEUE.test(queue)) return;
  const refuse = (why: string) => {
    const what = `the queue name ${quoteName(queue.replace(IGNORABLE, "\u{fffd}"))} ${why}`;
    return new FilespoolError("name-refused", `${what}, so it looks like the name of another queue`);
  };
  if (queue.endsWith(" ")) throw refuse("ends with a space");
  if (queue.includes("  ")) throw refuse("has two spaces in a row");
  if (queue.search(IGNORABLE) >= 0) throw refuse("has a letter that cannot be seen");
  if (queue.normalize("NFC") !== queue) throw refuse("has letters in another than their usual form (Unicode NFC)");
}

/** A name as it may be shown in a sentence or on a terminal: in quotes, invisible characters escaped, bounded. */
export function quoteName(name: string): string {
  const shown = name.length > 80 ? `${name.slice(0, 77)}...` : name;
  return `"${shown.replace(INVISIBLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
}
