/**
 * The buffer-size chart: measured points to choose from, and what the chosen one means for one's own file and link.
 *
 * Draws only; the points, the formula and its assumptions come from model.ts, the figures from the committed results.
 */
import { useId } from "react";
import results from "../../../../benchmarks/results/large.json";
import { LIMITS } from "../../../../src/protocol/limits.ts";
import live from "../live.module.css";
import { duration, round, size } from "../shared/bytes.ts";
import { Bar, Choice, Share, Steps } from "../shared/controls.tsx";
import { useShared } from "../shared/use-shared.ts";
import styles from "./chart.module.css";
import {
  ASSUMPTIONS,
  CHOICES,
  type ChartState,
  decodeState,
  encodeState,
  type Point,
  predict,
  ROUND_TRIPS,
  sweep,
} from "./model.ts";

const POINTS = sweep(results);
const CODEC = { encode: encodeState, decode: (text: string) => decodeState(text, POINTS) };
const SLOWEST = {
  link: "the link",
  machine: "the machine at this buffer size",
  "round trips": "the round trips: a larger file would cost nearly the same",
};
const rate = (bytesPerSecond: number) => {
  const megabits = (bytesPerSecond * 8) / 1_000_000;
  return megabits >= 1000 ? `${round(megabits / 1000)} Gbit/s` : `${round(megabits)} Mbit/s`;
};

export function BufferChart({ id = "buffer" }: { id?: string }) {
  const preferred = POINTS.find(({ bufferBytes }) => bufferBytes === LIMITS.bufferBytesDefault) ?? POINTS[0];
  const first: ChartState = {
    bufferBytes: preferred?.bufferBytes ?? 0,
    fileBytes: 1024 ** 3,
    bytesPerSecond: 125_000_000,
    rttMs: 20,
  };
  const [state, setState] = useShared(id, first, CODEC);
  const point = POINTS.find(({ bufferBytes }) => bufferBytes === state.bufferBytes) ?? preferred;
  if (!point) return <p className={live.note}>No buffer sizes have been measured.</p>;
  const change = (part: Partial<ChartState>) => setState({ ...state, ...part });
  const told = predict(state, point);
  return (
    <div className={live.card}>
      <div className={styles.sides}>
        <div>
          <Plot points={POINTS} chosen={point} onChoose={(bufferBytes) => change({ bufferBytes })} />
          <p className={live.note}>
            {size(point.bytes)} there and back, medians of{" "}
            {results.cases.find(({ key }) => key === point.key)?.samples.length} runs, bars from the fastest to the
            slowest; {results.machine.cpu}, {results.machine.cores} cores, {results.date.slice(0, 10)}, commit{" "}
            {results.commit}.
          </p>
        </div>
        <div>
          <Choice
            label="Buffer size"
            value={state.bufferBytes}
            options={POINTS.map(({ bufferBytes }) => ({ value: bufferBytes, text: size(bufferBytes) }))}
            onChange={(bufferBytes) => change({ bufferBytes })}
          />
          <Steps
            label="Your file:"
            values={CHOICES.fileBytes}
            value={state.fileBytes}
            text={size}
            onChange={(fileBytes) => change({ fileBytes })}
          />
          <Steps
            label="Your link:"
            values={CHOICES.bytesPerSecond}
            value={state.bytesPerSecond}
            text={rate}
            onChange={(bytesPerSecond) => change({ bytesPerSecond })}
          />
          <Steps
            label="Round trip:"
            values={CHOICES.rttMs}
            value={state.rttMs}
            text={duration}
            onChange={(rttMs) => change({ rttMs })}
          />
        </div>
      </div>
      <p role="status" className={live.verdict} data-kind="done">
        <strong>About {duration(told.seconds * 1000)}</strong> until stored. What limits it: {SLOWEST[told.limitedBy]}.
      </p>
      <p className={styles.formula}>
        {ROUND_TRIPS} round trips {"\u00d7"} {duration(state.rttMs)} + ({size(state.fileBytes)} +{" "}
        {size(told.headerBytes)} of headers) {"\u00f7"} min(
        {size(state.bytesPerSecond)}/s, {size(point.upload)}/s measured) = {duration(told.tripSeconds * 1000)} +{" "}
        {duration(told.byteSeconds * 1000)}
      </p>
      <details className={live.details}>
        <summary>What is assumed</summary>
        <ul>
          {ASSUMPTIONS.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </details>
      <Bar>
        <Share />
      </Bar>
    </div>
  );
}

const WIDTH = 340;
const HEIGHT = 220;
const LEFT = 38;
const FOOT = 190;

function Plot({
  points,
  chosen,
  onChoose,
}: {
  points: readonly Point[];
  chosen: Point;
  onChoose: (bufferBytes: number) => void;
}) {
  const title = useId();
  const most = Math.ceil(Math.max(...points.map(({ ms }) => ms.max)) / 1000);
  const x = (index: number) => LEFT + ((index + 0.5) / points.length) * (WIDTH - LEFT);
  const y = (ms: number) => FOOT - (ms / 1000 / most) * (FOOT - 16);
  const ticks = Array.from({ length: most + 1 }, (_, at) => at).filter((at) => most <= 8 || at % 2 === 0);
  return (
    <svg className={styles.plot} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-labelledby={title}>
      <title id={title}>
        {points.map(({ bufferBytes, ms }) => `${size(bufferBytes)}: ${round(ms.median / 1000)} seconds`).join("; ")}
      </title>
      {ticks.map((tick) => (
        <g key={tick} className={styles.tick}>
          <line x1={LEFT} x2={WIDTH} y1={y(tick * 1000)} y2={y(tick * 1000)} />
          <text x={LEFT - 6} y={y(tick * 1000) + 4} textAnchor="end">
            {tick} s
          </text>
        </g>
      ))}
      <polyline className={styles.curve} points={points.map(({ ms }, at) => `${x(at)},${y(ms.median)}`).join(" ")} />
      {points.map(({ bufferBytes, ms }, at) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: a second way to use the list beside the picture
        <g
          key={bufferBytes}
          className={styles.point}
          data-chosen={bufferBytes === chosen.bufferBytes}
          onClick={() => onChoose(bufferBytes)}
        >
          <rect x={x(at) - 30} y="10" width="60" height={FOOT - 10} className={styles.area} />
          <line x1={x(at)} x2={x(at)} y1={y(ms.min)} y2={y(ms.max)} className={styles.range} />
          <circle cx={x(at)} cy={y(ms.median)} r="6" />
          <text x={x(at)} y={y(ms.max) - 7} textAnchor="middle">
            {round(ms.median / 1000)} s
          </text>
          <text x={x(at)} y={FOOT + 18} textAnchor="middle">
            {size(bufferBytes)}
          </text>
        </g>
      ))}
    </svg>
  );
}
