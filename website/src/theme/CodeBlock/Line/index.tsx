/**
 * A line of code that is too long goes on below, as far in as an editor would set it: behind its own indentation, and the
 * words of a comment below words. Around the theme's own line; what the number means is in site.css.
 */
import type { Props } from "@theme/CodeBlock/Line";
import Line from "@theme-original/CodeBlock/Line";
import type { CSSProperties, ReactNode } from "react";
import { hangOf } from "../../../code-hang.ts";

export default function CodeLine(props: Props): ReactNode {
  const hang = hangOf(props.line.map(({ content }) => content).join(""));
  const getLineProps: Props["getLineProps"] = (input) => {
    const line = props.getLineProps(input);
    return { ...line, style: { ...line.style, "--hang": hang } as CSSProperties };
  };
  return <Line {...props} getLineProps={getLineProps} />;
}
