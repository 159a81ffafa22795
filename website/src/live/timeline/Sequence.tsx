/** Draws the sequence diagram up to a moment; what comes later is pale. Where things stand is decided in picture.ts. */
import { useId, useMemo } from "react";
import { lifeline, sequence, TOP, WIDTH, yOf } from "./picture.ts";
import type { Story, Who } from "./story.ts";
import styles from "./timeline.module.css";

const NAMES: readonly Who[] = ["sender", "server", "receiver"];
const HEIGHT = 620;

export function Sequence({ story, ms }: { story: Story; ms: number }) {
  const clip = `until-${useId().replace(/[^a-z0-9]/gi, "")}`;
  const picture = useMemo(() => sequence(story, HEIGHT), [story]);
  const now = yOf(ms, story.endMs, HEIGHT);
  const frames = (
    <>
      {picture.bands.map(({ flight, points, isControl }, at) => (
        <polygon key={at} points={points} className={styles.band} data-control={isControl} data-fate={flight.fate}>
          <title>{flight.text}</title>
        </polygon>
      ))}
      {picture.labels.map(({ x, y, text, sentMs }) => (
        <text key={`${x}-${y}-${sentMs}`} x={x} y={y} textAnchor="middle" className={styles.label}>
          {text}
        </text>
      ))}
    </>
  );
  return (
    <svg
      className={styles.sequence}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Sequence of ${story.flights.length} frames in ${Math.round(story.endMs)} milliseconds, told as a list below`}
    >
      <clipPath id={clip}>
        <rect x="0" y="0" width={WIDTH} height={now} />
      </clipPath>
      {NAMES.map((who) => (
        <g key={who}>
          <text x={lifeline(who)} y="18" textAnchor="middle" className={styles.who}>
            {who}
          </text>
          <line x1={lifeline(who)} x2={lifeline(who)} y1={TOP - 8} y2={HEIGHT} className={styles.lifeline} />
        </g>
      ))}
      {picture.gaps.map(({ who, from, to }) => (
        <rect
          key={`${who}-${from}`}
          x={lifeline(who) - 5}
          y={from}
          width="10"
          height={Math.max(to - from, 2)}
          className={styles.gap}
        >
          <title>the {who} is not running</title>
        </rect>
      ))}
      <g className={styles.later}>{frames}</g>
      <g clipPath={`url(#${clip})`}>
        {frames}
        {picture.dots.map(({ x, y, mark }, at) => (
          <circle key={at} cx={x} cy={y} r="4.5" className={styles.dot} data-kind={mark.kind}>
            <title>
              {mark.who}: {mark.text}
            </title>
          </circle>
        ))}
      </g>
      <line x1="0" x2={WIDTH} y1={now} y2={now} className={styles.now} />
    </svg>
  );
}
