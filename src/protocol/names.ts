/**
 * Names from the wire are hostile. This file decides under which name a file may land.
 *
 * A sender that means well sends the last part of a path. One that does not sends "../../.ssh/rc",
 * and many tools wrote where they were told to (magic-wormhole twice in one year; field after field
 * of CVEs before it). So a name is refused when it has no harmless reading. Any other name is made
 * harmless: it becomes one component of a path, which means the same on every system.
 *
 *   refused      empty, ".", "..", a "/" or NUL anywhere, broken UTF-16, more than 255 bytes
 *   replaced     by "_": control characters, characters that reverse the direction of text, "\",
 *                the colon of a drive ("c:a"), a dot or space at the end
 *   prefixed     with "_": device names such as "con" or "lpt1.txt", names that start with
 *                ".filespool", and "filespool.config.json", also as a forgiving file system
 *                compares them
 *   composed     to Unicode NFC, so that "é" from a Mac and "é" from Linux are the same file
 *
 * Windows drops a dot or space at the end, so two names would become one there. Devices are files
 * in every folder of Windows. Only a colon in the second place belongs to a drive. A later one, as
 * in "12:30.log", is an ordinary character, except on Windows, which refuses such a file or adds
 * its content to another.
 *
 * The server asks this file before it takes an offer, so that a sender hears "no" at once. The
 * receiver asks it again, because its server may be hostile too. test/vectors/names.json has the
 * rules as a table of cases.
 */
import { FilespoolError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/**
 * The names of our own files in a target folder start with this. The name of a landed file must
 * not.
 */
export const OWN_PREFIX = ".filespool";
/**
 * The name of a config file that lies beside a person's files. A received file must never become
 * one.
 */
export const CONFIG_NAME = "filespool.config.json";

/**
 * Characters that a terminal obeys instead of showing them: C0, DEL and C1; separators of lines and
 * paragraphs; marks and overrides of direction, which make "gpj.exe" read as "exe.jpg".
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
/** The names of devices on Windows, with any ending. Spaces before the ending do not help. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *([.:]|$)/i;

/** Letters and marks that show nothing. A name with one of them looks like the name without it. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

const utf8 = new TextEncoder();

/**
 * Whether a text has at most so many bytes in UTF-8. One UTF-16 unit becomes three bytes at most,
 * so most texts are short enough without counting.
 */
export const utf8Fits = (text: string, bytesMax: number): boolean =>
  text.length * 3 <= bytesMax || utf8.encode(text).length <= bytesMax;

/**
 * Names that no rule below would change, apart from those of devices and config files. Most names
 * are like this.
 */
const PLAIN = /^[\w-](?:[\w .-]{0,200}[\w-])?$/;

/**
 * The name under which a file may be created in a folder: one component of a path.
 *
 * The result is stable: asked about its own answer, this function gives the same answer again.
 * @param wireName as the peer sent it
 * @throws FilespoolError name-refused, with the reason
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
 * A name in a form for comparing. Two names that are the same file on the most forgiving disk have
 * the same form.
 *
 * Some disks do not tell capitals, ligatures or invisible joiners apart (in git: CVE-2014-9390). No
 * file is ever called by this form. It goes through capitals to small letters, because some letters
 * become equal only there: "i", and the i without a dot.
 */
export const foldedName = (name: string): string =>
  name.normalize("NFKC").replace(IGNORABLE, "").toUpperCase().toLowerCase();

const isConfigName = (name: string): boolean =>
  name.length === CONFIG_NAME.length && name.toLowerCase() === CONFIG_NAME;

/**
 * The short names that FAT and NTFS give ".filespool-..." and "filespool...": "FILESP~1", or "FI"
 * and a checksum.
 */
const SHORT = /^fi(lesp|[0-9a-f]{4})~[0-9]/;

/** Whether some file system may take the name for one of our own files. */
function looksLikeOurs(name: string): boolean {
  const folded = foldedName(name);
  return folded.startsWith(OWN_PREFIX) || isConfigName(folded) || SHORT.test(folded);
}

/**
 * The name of another file beside one of the same name: "photo.jpg" and 2 make "photo (2).jpg". The
 * part before the ending is shortened where the whole would be too long for a file system.
 */
export function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  const suffix = ` (${number})${ending}`;
  const chars = [...stem];
  while (utf8.encode(chars.join("") + suffix).length > LIMITS.nameBytesMax) chars.pop();
  return chars.join("") + suffix;
}

/**
 * Queue names that look like no other. Most are like this: letters, digits, and single spaces
 * between them.
 */
const PLAIN_QUEUE = /^[\w.-]+( [\w.-]+)*$/;

/**
 * Refuses the name of a queue that looks like the name of another: "photos " beside "photos", a
 * letter that shows nothing, one of two ways to write a letter.
 *
 * Only sending asks this. Files that have waited in such a queue since before this rule can still
 * be collected, listed and removed. The rule does not tell letters of two alphabets apart (Latin
 * "a", Cyrillic "а"), because most names with such letters are honest. Why: adr/0070.
 * @throws FilespoolError name-refused, with the reason
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
  if (queue.normalize("NFC") !== queue) throw refuse("has letters that are not in their usual form (Unicode NFC)");
}

/**
 * A name as a sentence may show it, also on a terminal: in quotes, shortened, and with invisible
 * characters escaped.
 */
export function quoteName(name: string): string {
  const shown = name.length > 80 ? `${name.slice(0, 77)}...` : name;
  return `"${shown.replace(INVISIBLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
}
