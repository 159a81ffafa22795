/** The text of code, with the places where a line may break; what they are is in code-words.ts. */
import { createElement, Fragment, type ReactNode } from "react";
import { type Piece, piecesOf } from "../code-words.ts";

export function CodeText({ text, charsMax }: { readonly text: string; readonly charsMax?: number }): ReactNode {
  const pieces = piecesOf(text, charsMax);
  if (pieces.every(({ isWhole, mayEnd }) => !isWhole && !mayEnd)) return text;
  // Children that are listed need no keys: they are always all there.
  return createElement(Fragment, null, ...pieces.map(shown));
}

const shown = ({ text, isWhole, mayEnd }: Piece): ReactNode => (
  <>
    {isWhole ? <span className="whole">{text}</span> : text}
    {mayEnd && <wbr />}
  </>
);
