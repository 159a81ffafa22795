/** A diagram in a frame that is there before Mermaid has drawn it, and scrolls when the drawing is wider than the page. */
import type { Props } from "@theme/Mermaid";
import Mermaid from "@theme-original/Mermaid";
import type { ReactNode } from "react";

export default function Diagram(props: Props): ReactNode {
  return (
    <div className="diagram">
      <Mermaid {...props} />
    </div>
  );
}
