/**
 * The capacity calculator: what one machine holds, what runs out first, and the arithmetic behind it.
 *
 * Draws only; the formulas are in model.ts, the measured rates in the committed results of the benchmark.
 */
import large from "../../../../benchmarks/results/large.json";
import small from "../../../../benchmarks/results/small.json";
import { LIMITS } from "../../../../src/protocol/limits.ts";
import { sweep } from "../chart/model.ts";
import live from "../live.module.css";
import { round, size } from "../shared/bytes.ts";
import { Bar, Share, Steps } from "../shared/controls.tsx";
import { useShared } from "../shared/use-shared.ts";
import styles from "./capacity.module.css";
import {
  CHOICES,
  type Demand,
  decodeDemand,
  encodeDemand,
  FIRST,
  factor,
  HEADROOM,
  measured,
  tightest,
  type Use,
  uses,
  WAYS,
} from "./model.ts";

const SWEEP = sweep(large);
const DEFAULT =
  SWEEP.find(({ bufferBytes }) => bufferBytes === LIMITS.bufferBytesDefault) ?? (SWEEP[0] as (typeof SWEEP)[number]);
const RATES = measured(small, DEFAULT.upload, DEFAULT.download);
const CODEC = { encode: encodeDemand, decode: decodeDemand };

const count = (value: number) => (value >= 1e6 ? `${round(value / 1e6)} million` : value.toLocaleString("en"));
const hours = (value: number) =>
  value < 1
    ? `${round(value * 60)} minutes`
    : value < 48
      ? `${round(value)} ${value === 1 ? "hour" : "hours"}`
      : `${round(value / 24)} days`;
const link = (value: number) =>
  (value * 8) / 1e6 >= 1000 ? `${(value * 8) / 1e9} Gbit/s` : `${(value * 8) / 1e6} Mbit/s`;
const amount = ({ what }: Use, value: number) =>
  what === "files" ? `${round(value)}/s` : what === "disk" ? size(value) : `${size(value)}/s`;

export function Capacity({ id = "capacity" }: { id?: string }) {
  const [demand, setDemand] = useShared<Demand>(id, FIRST, CODEC);
  const all = uses(demand, RATES);
  const worst = tightest(all);
  const room = factor(all);
  const slider = (key: keyof Demand, label: string, text: (value: number) => string) => (
    <Steps
      label={label}
      values={CHOICES[key]}
      value={demand[key]}
      text={text}
      onChange={(value) => setDemand({ ...demand, [key]: value })}
    />
  );
  return (
    <div className={live.card}>
      <div className={styles.settings}>
        {slider("filesPerDay", "Files a day:", count)}
        {slider("fileBytes", "Size of a file:", size)}
        {slider("peak", "Busiest hour:", (value) => (value === 1 ? "like any other" : `${value} times the average`))}
        {slider("waitHours", "A file waits:", hours)}
        {slider("diskBytes", "Disk:", size)}
        {slider("linkBytesPerSecond", "Link:", link)}
      </div>
      <p role="status" className={live.verdict} data-kind={room >= 1 ? "done" : "error"}>
        <strong>{room >= 1 ? "One machine is enough." : "Too much for one machine."}</strong> First to run out:{" "}
        {worst.label}.{" "}
        {room >= 1
          ? `${round(room)} times this demand would fit.`
          : `${Math.ceil(1 / room)} such machines would share it.`}
      </p>
      <table className={styles.uses}>
        <thead>
          <tr>
            <th scope="col">in the busiest hour</th>
            <th scope="col">needed</th>
            <th scope="col">there is</th>
            <th scope="col">used</th>
          </tr>
        </thead>
        <tbody>
          {all.map((use) => (
            <tr key={use.what} data-worst={use === worst} data-over={use.share > 1}>
              <th scope="row">{use.label}</th>
              <td>{amount(use, use.needed)}</td>
              <td>{amount(use, use.has)}</td>
              <td>
                <meter
                  aria-label={`${use.label}, used`}
                  min={0}
                  max={1}
                  high={0.8}
                  optimum={0}
                  value={Math.min(use.share, 1)}
                />{" "}
                {round(use.share * 100)} %
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <details className={live.details}>
        <summary>The formulas, and what was measured</summary>
        <ul>
          <li>
            files a second = files a day {"\u00f7"} 86,400 {"\u00d7"} busiest hour
          </li>
          <li>
            there is 1 {"\u00f7"} (1 {"\u00f7"} {round(RATES.storedPerSecond)} stored + 1 {"\u00f7"}{" "}
            {round(RATES.landedPerSecond)} landed) of them: both share the machine (small.json, 4 KiB files, medians)
          </li>
          <li>
            bytes a second = files a second {"\u00d7"} size {"\u00d7"} {WAYS} ways, of {size(RATES.bytesPerSecond)}/s (
            <code>{DEFAULT.key}</code>, the slower way)
          </li>
          <li>bytes on the link = files a second {"\u00d7"} size, for each direction of it</li>
          <li>
            bytes waiting = files a day {"\u00f7"} 24 {"\u00d7"} hours of waiting {"\u00d7"} size
          </li>
          <li>
            used = needed {"\u00f7"} (there is {"\u00d7"} {HEADROOM}): the rest is headroom
          </li>
        </ul>
        <p>
          Measured with server, sender and receiver on one machine ({small.machine.cpu}, {small.machine.cores} cores,{" "}
          {small.date.slice(0, 10)}
          ). A server alone has more; your disk may have less. Measure it: <code>npm run bench</code>.
        </p>
      </details>
      <Bar>
        <button type="button" className={live.quiet} onClick={() => setDemand(FIRST)}>
          Start again
        </button>
        <Share />
      </Bar>
    </div>
  );
}
