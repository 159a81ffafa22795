/**
 * The crash scrubber: put a crash between any two steps, and see what a restart finds and what was promised.
 *
 * Draws only; the steps, the disk and the judgement come from scenarios.ts.
 */
import live from "../live.module.css";
import { Bar, Choice, Share, Slider } from "../shared/controls.tsx";
import { useShared } from "../shared/use-shared.ts";
import styles from "./crash.module.css";
import type { Scenario } from "./scenario.ts";
import {
  type After,
  type CrashState,
  crashAfter,
  decodeState,
  encodeState,
  SCENARIOS,
  type ScenarioName,
  stepsOf,
} from "./scenarios.ts";

const CODEC = { encode: encodeState, decode: decodeState };
const NAMES = Object.keys(SCENARIOS) as ScenarioName[];

export function CrashScrubber({ scenario: given = "store", id = "crash" }: { scenario?: string; id?: string }) {
  const name = NAMES.find((one) => one === given) ?? "store";
  const first: CrashState = { scenario: name, variant: "right", done: 5, crash: "power" };
  const [state, setState] = useShared(id, first, CODEC);
  const scenario: Scenario = SCENARIOS[state.scenario];
  const steps = stepsOf(scenario, state.variant);
  const after = crashAfter(scenario, state.variant, state.done, state.crash);
  const change = (part: Partial<CrashState>) => {
    const next = { ...state, ...part };
    setState({ ...next, done: Math.min(next.done, stepsOf(SCENARIOS[next.scenario], next.variant).length) });
  };
  const isKept = after.found.every((one) => one.isKept);
  return (
    <div className={live.card}>
      <Bar>
        <Choice
          label="What is being done"
          value={state.scenario}
          options={NAMES.map((value) => ({ value, text: SCENARIOS[value].title }))}
          onChange={(next) => setState({ ...first, scenario: next, crash: state.crash })}
        />
        <Choice
          label="What happens"
          value={state.crash}
          options={[
            { value: "power" as const, text: "the power goes" },
            { value: "killed" as const, text: "the program is killed" },
          ]}
          onChange={(crash) => change({ crash })}
        />
        <Choice
          label="The order"
          value={state.variant}
          options={[
            { value: "right", text: "ours" },
            ...scenario.wrong.map(({ id: value, title }) => ({ value, text: title, group: "wrong on purpose" })),
          ]}
          onChange={(variant) => change({ variant })}
        />
      </Bar>
      <Slider
        label="The crash comes"
        value={state.done}
        min={0}
        max={steps.length}
        text={
          state.done === 0
            ? "before everything"
            : state.done === steps.length
              ? "after everything"
              : `after step ${state.done}`
        }
        onChange={(done) => change({ done })}
      />
      <div className={styles.sides}>
        <ol className={styles.steps}>
          {steps.map(({ id: key, does, adr, test, says }, at) => (
            <li key={key} data-done={at < state.done} data-last={at === state.done - 1} data-says={says !== undefined}>
              <button type="button" aria-pressed={at === state.done - 1} onClick={() => change({ done: at + 1 })}>
                {does}
              </button>
              <small>
                decision {adr} {"\u00b7"} <span title={`${test.file}: ${test.title}`}>{test.file}</span>
              </small>
            </li>
          ))}
        </ol>
        <div>
          <p role="status" className={live.verdict} data-kind={isKept ? "done" : "error"}>
            <strong>{isKept ? "The promise holds." : "The promise is broken."}</strong> {scenario.promise}
          </p>
          <h4 className={styles.title}>
            {after.found.length === 1 ? "After the restart" : "After the restart, one of these"}
          </h4>
          <ul className={styles.found}>
            {after.found.map(({ text, isKept: fine }) => (
              <li key={text} data-kept={fine}>
                {text}
              </li>
            ))}
          </ul>
          <DiskTable scenario={scenario} after={after} />
        </div>
      </div>
      <Bar>
        <Share />
      </Bar>
    </div>
  );
}

function DiskTable({ scenario, after }: { scenario: Scenario; after: After }) {
  return (
    <table className={styles.disk}>
      <thead>
        <tr>
          <th scope="col">at the crash</th>
          <th scope="col">kernel</th>
          <th scope="col">disk</th>
        </tr>
      </thead>
      <tbody>
        {Object.entries(scenario.facts).map(([fact, title]) => {
          const bit = after.disk[fact];
          return (
            <tr key={fact} data-pending={bit?.now !== bit?.durable}>
              <th scope="row">{title}</th>
              <td>{bit?.now ? "yes" : "no"}</td>
              <td>{bit?.durable ? "yes" : bit?.now ? "perhaps" : "no"}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
