/** A word in a block of code goes to the next line as a whole: "--min-free-disk" is never "--min-" and "free-disk". */
import type { Props } from "@theme/CodeBlock/Line/Token";
import type { ReactNode } from "react";
import { CodeText } from "../../../../components/CodeText.tsx";

/** What fits a line on a phone. */
const CHARS_MAX = 32;

export default function CodeToken({ line: _line, token: _token, children, ...props }: Props): ReactNode {
  return (
    <span {...props}>
      {typeof children === "string" ? <CodeText text={children} charsMax={CHARS_MAX} /> : children}
    </span>
  );
}
