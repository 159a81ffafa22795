/**
 * Where a line may break inside of code: between words, and in a long word behind the signs that join its parts.
 *
 * A browser breaks behind each dash, so that `--follow` becomes "-" and "-follow", and breaks nowhere in a long name such
 * as `filespool_transfers_refused_total`. So short words stay whole, and long ones say where they may break. Invariant,
 * tested: the pieces together are the text, so that what is copied is what was written.
 */

/** What stays on one line; what follows a piece goes on behind it, or below. */
export interface Piece {
  readonly text: string;
  /** Marked, because a browser would break it. */
  readonly isWhole: boolean;
  /** A line may break behind it, though a browser would not see that. */
  readonly mayEnd: boolean;
}

/** A flag, alone or with a word. */
const FLAG = /^--?[\w-]+(?:[ =][\w.:/-]+)?$/;
/** About half the width of a phone. */
const FLAG_CHARS_MAX = 24;
const WORD_CHARS_MAX = 20;

/** Where a long word may break; a later one only where the parts of an earlier one are too long. */
const JOINTS = [
  /(?<=[,;])(?![,;])/,
  /(?<=[\w>)}\]"'][/#?&=:|@+]+)(?=[\w<({[*$"'])/,
  /(?<=[A-Za-z0-9>)}\]][-_.]+)(?=[A-Za-z0-9<({[*$"])/,
  /(?<=[a-z0-9])(?=[A-Z])/,
];
/** What a browser would break, and what it would not. */
const BREAKS = /[-/?|]/;

function partsOf(word: string, charsMax: number): string[] {
  const parts = JOINTS.reduce(
    (all, joint) => all.flatMap((part) => (part.length > charsMax ? part.split(joint) : [part])),
    [word],
  );
  // A line that ends or begins with a few letters only is no gain.
  return parts.reduce<string[]>((joined, part) => {
    const last = joined.at(-1);
    if (last !== undefined && (last.length < 5 || part.length < 5) && last.length + part.length <= charsMax)
      joined[joined.length - 1] = last + part;
    else joined.push(part);
    return joined;
  }, []);
}

/** The pieces of a text; `charsMax`: the longest word that has to stay whole. */
export function piecesOf(text: string, charsMax: number = WORD_CHARS_MAX): Piece[] {
  if (FLAG.test(text) && text.length <= FLAG_CHARS_MAX) return [{ text, isWhole: true, mayEnd: false }];
  return text.split(/(\s+)/).flatMap((word): Piece[] => {
    if (word === "") return [];
    const parts = word.length <= charsMax ? [word] : partsOf(word, charsMax);
    return parts.map((part, index) => ({
      text: part,
      isWhole: part.length <= charsMax && BREAKS.test(part),
      mayEnd: index < parts.length - 1,
    }));
  });
}
