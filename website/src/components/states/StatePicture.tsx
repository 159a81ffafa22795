/**
 * A transition table as a picture, as the stepper and the pages show it: where things stand is decided in layout.ts. With
 * a walk it says where one is and what may come; without, it is only looked at, and needs no script.
 */
import { useId, useMemo } from "react";
import type { Transitions } from "../../../../src/protocol/state-machine.ts";
import { LABEL_LINE, LINE, layout } from "./layout.ts";
import styles from "./picture.module.css";

/** Where somebody is who takes the events one by one. */
interface Walked {
  readonly state: string;
  readonly isRefused: boolean;
  readonly last?: { readonly from: string; readonly to: string };
  readonly onTake: (event: string) => void;
}

export function StatePicture({ table, title, walk }: { table: Transitions; title: string; walk?: Walked }) {
  const picture = useMemo(() => layout(table), [table]);
  const arrow = `arrow-${useId().replace(/[^a-z0-9]/gi, "")}`;
  const told = walk
    ? `Now: ${walk.state}. The same as a table below.`
    : picture.edges.map(({ from, to, events }) => `${events.join(" or ")}: from ${from} to ${to}.`).join(" ");
  return (
    <svg
      className={styles.diagram}
      viewBox={`0 0 ${picture.width} ${picture.height}`}
      role="img"
      aria-label={`${title}: ${picture.boxes.map(({ state }) => state).join(", ")}. ${told}`}
      style={{ maxWidth: picture.width * 1.25 }}
    >
      <defs>
        <marker
          id={arrow}
          viewBox="0 0 8 8"
          refX="7.5"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto-start-reverse"
        >
          <path d="M0 0.5L8 4L0 7.5z" />
        </marker>
      </defs>
      {picture.edges.map(({ from, to, events, path, label }) => {
        const isNext = from === walk?.state && !walk.isRefused;
        const isLast = walk?.last?.from === from && walk.last.to === to;
        return (
          // biome-ignore lint/a11y/noStaticElementInteractions: a second way to press the buttons beside the picture
          <g
            key={`${from}-${to}`}
            className={styles.edge}
            data-next={isNext}
            data-last={isLast}
            onClick={() => isNext && walk.onTake(events[0] as string)}
          >
            <path className={styles.line} d={path} markerEnd={`url(#${arrow})`} />
            {label.lines.map((line, at) => (
              <text
                key={line}
                className={styles.label}
                x={label.x}
                y={label.y - (label.lines.length - 1 - at) * LABEL_LINE}
                textAnchor={label.anchor}
              >
                {line}
              </text>
            ))}
          </g>
        );
      })}
      {picture.boxes.map(({ state, x, y, width, height, stays }) => (
        <g
          key={state}
          className={styles.state}
          data-now={state === walk?.state}
          data-refused={state === walk?.state && walk.isRefused}
        >
          <rect x={x} y={y} width={width} height={height} rx="8" />
          <text className={styles.name} x={x + width / 2} y={y + 20} textAnchor="middle">
            {state}
          </text>
          {stays.map((line, at) => (
            <text key={line} className={styles.stays} x={x + width / 2} y={y + 38 + at * LINE} textAnchor="middle">
              {at === 0 ? "\u21bb " : ""}
              {line}
            </text>
          ))}
        </g>
      ))}
    </svg>
  );
}
