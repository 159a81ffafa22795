/** Code in a sentence or a cell breaks where it should: between words, and in long names behind what joins their parts. */
import type { Props } from "@theme/CodeInline";
import { Children, type ReactNode } from "react";
import { CodeText } from "../../components/CodeText.tsx";

export default function CodeInline({ children, ...props }: Props): ReactNode {
  const parts = Children.toArray(children);
  const isText = parts.every((part) => typeof part === "string");
  return <code {...props}>{isText ? <CodeText text={parts.join("")} /> : children}</code>;
}
