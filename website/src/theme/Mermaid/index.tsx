/**
 * A diagram in a frame that is there before anything is drawn in it, and scrolls when the drawing is wider than the page.
 *
 * State diagrams are drawn as the stepper draws them, since that fits a phone and needs no script. The others are drawn
 * by Mermaid, which is told how wide the page is: it spreads a conversation over that, and not over more.
 */
import type { Props } from "@theme/Mermaid";
import Mermaid from "@theme-original/Mermaid";
import { type ReactNode, useMemo, useSyncExternalStore } from "react";
import { StatePicture } from "../../components/states/StatePicture.tsx";
import { fitted, tableOf } from "../../diagrams.ts";

const NARROW = "(max-width: 600px)";

function onWidth(changed: () => void): () => void {
  const query = window.matchMedia(NARROW);
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
}

/** Whether the page is as narrow as a phone; when the site is built, it is not. */
const useIsNarrow = (): boolean =>
  useSyncExternalStore(
    onWidth,
    () => window.matchMedia(NARROW).matches,
    () => false,
  );

export default function Diagram({ value, ...props }: Props): ReactNode {
  const isNarrow = useIsNarrow();
  const states = useMemo(() => tableOf(value), [value]);
  return (
    <div className="diagram">
      {states ? <StatePicture table={states} title="States" /> : <Mermaid value={fitted(value, isNarrow)} {...props} />}
    </div>
  );
}
