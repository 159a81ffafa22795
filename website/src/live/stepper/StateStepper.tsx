/**
 * The state stepper: a conversation as a picture, taken one event at a time.
 *
 * Drawing and buttons only: where an event leads is asked of the protocol's own machine (machines.ts), and where things
 * stand in the picture of layout.ts. Digits take the allowed events by their number, Backspace goes back one.
 */
import { type KeyboardEvent, useMemo, useRef } from "react";
import { StatePicture } from "../../components/states/StatePicture.tsx";
import live from "../live.module.css";
import { Bar, Choice, Share } from "../shared/controls.tsx";
import { useShared } from "../shared/use-shared.ts";
import {
  decodeState,
  encodeState,
  eventsOf,
  HISTORY_MAX,
  isMachine,
  MACHINES,
  type MachineName,
  type Step,
  type Walk,
  walk,
} from "./machines.ts";
import styles from "./stepper.module.css";

const CODEC = { encode: encodeState, decode: decodeState };
const NAMES = Object.keys(MACHINES) as MachineName[];

export function StateStepper({ machine = "UPLOAD_SERVER", id = "states" }: { machine?: string; id?: string }) {
  const first: MachineName = isMachine(machine) ? machine : "UPLOAD_SERVER";
  const [state, setState] = useShared(id, { machine: first, events: [] as readonly string[] }, CODEC);
  const { table } = MACHINES[state.machine];
  const now = useMemo(() => walk(table, state.events), [table, state.events]);
  const events = useMemo(() => eventsOf(table), [table]);
  const row: object = (table as Record<string, object>)[now.state] ?? {};
  const allowed = events.filter((event) => Object.hasOwn(row, event));
  const isOver = now.refused !== null || state.events.length >= HISTORY_MAX;

  const card = useRef<HTMLDivElement>(null);
  const take = (event: string) => {
    if (isOver) return;
    setState({ ...state, events: [...state.events, event] });
    // The button that was pressed may be gone now; the keys go on working from here.
    card.current?.focus({ preventScroll: true });
  };
  const back = () => setState({ ...state, events: state.events.slice(0, -1) });
  const onKeyDown = (keyed: KeyboardEvent) => {
    if (keyed.target instanceof HTMLSelectElement || keyed.ctrlKey || keyed.metaKey || keyed.altKey) return;
    const event = /^[1-9]$/.test(keyed.key) ? allowed[Number(keyed.key) - 1] : undefined;
    if (event !== undefined) take(event);
    else if (keyed.key === "Backspace" && state.events.length > 0) back();
    else return;
    keyed.preventDefault();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: shortcuts for the buttons inside; each works without them
    <div ref={card} tabIndex={-1} className={live.card} onKeyDown={onKeyDown}>
      <Bar>
        <Choice
          label="Conversation"
          value={state.machine}
          options={NAMES.map((value) => ({ value, text: MACHINES[value].title }))}
          onChange={(next) => setState({ machine: next, events: [] })}
        />
      </Bar>
      <div className={styles.sides}>
        <Diagram machine={state.machine} now={now} onTake={take} />
        <div>
          <Says now={now} />
          <fieldset className={styles.events}>
            <legend>Allowed now</legend>
            {allowed.length === 0 && <span>nothing: the conversation is over</span>}
            {allowed.map((event, at) => (
              <button key={event} type="button" className={live.button} disabled={isOver} onClick={() => take(event)}>
                <kbd>{at + 1}</kbd> {event}
              </button>
            ))}
          </fieldset>
          <fieldset className={styles.events}>
            <legend>Not in this row of the table</legend>
            {events
              .filter((event) => !allowed.includes(event))
              .map((event) => (
                <button
                  key={event}
                  type="button"
                  className={styles.absent}
                  disabled={isOver}
                  title="would end the connection: frame-unexpected"
                  onClick={() => take(event)}
                >
                  {event}
                </button>
              ))}
          </fieldset>
          <History steps={now.steps} />
          <Bar>
            <button type="button" className={live.quiet} disabled={state.events.length === 0} onClick={back}>
              Back one
            </button>
            <button
              type="button"
              className={live.quiet}
              disabled={state.events.length === 0}
              onClick={() => setState({ ...state, events: [] })}
            >
              Start again
            </button>
            <Share />
          </Bar>
        </div>
      </div>
      <Table machine={state.machine} />
    </div>
  );
}

/** The last thing that happened, in words. */
function Says({ now }: { now: Walk }) {
  const last = now.steps.at(-1);
  const { refused } = now;
  return (
    <p role="status" className={live.verdict} data-kind={refused ? "error" : "done"}>
      {refused ? (
        <>
          <strong>
            <code>{refused.error.code}</code>
          </strong>{" "}
          {refused.error.message}. From the peer, this frame would end the connection: {refused.means}.
        </>
      ) : last ? (
        <>
          <strong>{last.event}</strong> leads from {last.from} to {last.to}.{" "}
          {last.effects.length > 0 ? `To do, in this order: ${last.effects.join(", ")}.` : "Nothing is to be done."}
        </>
      ) : (
        <>
          <strong>{now.state}</strong> is where it starts. Take an event, or type its number.
        </>
      )}
    </p>
  );
}

function History({ steps }: { steps: readonly Step[] }) {
  return (
    <div className={styles.history}>
      <h4>What happened</h4>
      {steps.length === 0 ? (
        <p>Nothing yet.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a list that scrolls must be reachable by keyboard
        <ol tabIndex={0}>
          {steps.map(({ event, to, effects }, at) => (
            <li key={at}>
              {event} &rarr; {to}
              {effects.length > 0 && <span>: {effects.join(", ")}</span>}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function Diagram({ machine, now, onTake }: { machine: MachineName; now: Walk; onTake: (event: string) => void }) {
  const { table, title } = MACHINES[machine];
  const last = now.steps.at(-1);
  return (
    <StatePicture
      table={table}
      title={title}
      walk={{ state: now.state, isRefused: now.refused !== null, ...(last && { last }), onTake }}
    />
  );
}

/** The table itself, as it stands in the source. */
function Table({ machine }: { machine: MachineName }) {
  const rows = Object.entries(
    MACHINES[machine].table as Record<string, Record<string, { to: string; do: readonly string[] }>>,
  );
  return (
    <details className={live.details}>
      <summary>The whole table ({machine})</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a table that scrolls must be reachable by keyboard */}
      <section className={styles.scroll} tabIndex={0} aria-label={`Table ${machine}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">state</th>
              <th scope="col">event</th>
              <th scope="col">to</th>
              <th scope="col">do, in order</th>
            </tr>
          </thead>
          <tbody>
            {rows.flatMap(([state, row]) =>
              Object.entries(row).map(([event, cell]) => (
                <tr key={`${state}-${event}`}>
                  <td>{state}</td>
                  <td>{event}</td>
                  <td>{cell.to}</td>
                  <td>{cell.do.join(", ") || "nothing"}</td>
                </tr>
              )),
            )}
          </tbody>
        </table>
      </section>
    </details>
  );
}
