/**
 * The frame explorer: bytes on one side, what the real decoder makes of them on the other.
 *
 * Only drawing and keys; what the bytes mean comes from stream.ts, what was chosen lies in state.ts. A byte can be
 * changed by typing two hexadecimal digits or by flipping its bits; the slider holds back what has not arrived.
 */
import { useMemo, useState } from "react";
import vectors from "../../../../test/vectors/frames.json";
import live from "../live.module.css";
import recording from "../recordings/transfer.json";
import { Bar, Choice, Share, Slider } from "../shared/controls.tsx";
import { useShared } from "../shared/use-shared.ts";
import { ByteEditor } from "./ByteEditor.tsx";
import styles from "./explorer.module.css";
import { HexGrid } from "./HexGrid.tsx";
import { decodeState, edited, encodeState, initial, PIECES, presets, withByte } from "./state.ts";
import { type Found, readStream, type Verdict } from "./stream.ts";

const ALL = presets(vectors, recording);
const CODEC = { encode: encodeState, decode: (text: string) => decodeState(text, ALL) };
const pieceText = (bytes: number) =>
  bytes === 0 ? "in one piece" : bytes === 1 ? "byte by byte" : `${bytes} bytes at a time`;

export function FrameExplorer({ preset = "offer", id = "frame" }: { preset?: string; id?: string }) {
  const first = ALL.some((one) => one.id === preset) ? preset : "offer";
  const [state, setState] = useShared(id, initial(first), CODEC);
  const [selected, setSelected] = useState(4);
  const [lit, setLit] = useState<string | null>(null);
  const { bytes: original } = ALL.find((one) => one.id === state.preset) as (typeof ALL)[number];
  const bytes = useMemo(() => edited(original, state.edits), [original, state.edits]);
  const arrived = state.arrived ?? bytes.length;
  const reading = useMemo(
    () => readStream(bytes.subarray(0, arrived), state.pieceBytes),
    [bytes, arrived, state.pieceBytes],
  );
  const at = Math.min(selected, bytes.length - 1);
  const frame = reading.frames.find(({ from, to }) => from <= at && at < to) ?? reading.frames.at(-1);
  const litField = frame?.fields.find((field) => field.id === lit) ?? null;

  const setByte = (position: number, byte: number) => setState(withByte(state, original, position, byte));
  const choose = (next: string) => {
    setSelected(4);
    setState({ ...initial(next), pieceBytes: state.pieceBytes });
  };

  return (
    <div className={live.card}>
      <Bar>
        <Choice
          label="Bytes"
          value={state.preset}
          options={ALL.map(({ id: value, title, group }) => ({ value, text: title, group }))}
          onChange={choose}
        />
        <Choice
          label="The decoder gets them"
          value={state.pieceBytes}
          options={PIECES.map((value) => ({ value, text: pieceText(value) }))}
          onChange={(pieceBytes) => setState({ ...state, pieceBytes })}
        />
      </Bar>
      <Slider
        label="Arrived so far:"
        value={arrived}
        min={0}
        max={bytes.length}
        text={`${arrived} of ${bytes.length} bytes`}
        onChange={(value) => setState({ ...state, arrived: value === bytes.length ? null : value })}
      />
      <VerdictLine verdict={reading.verdict} count={reading.frames.filter(({ state: is }) => is === "whole").length} />
      <div className={styles.sides}>
        <div>
          <HexGrid
            bytes={bytes}
            original={original}
            arrived={arrived}
            frames={reading.frames}
            selected={at}
            lit={litField}
            onSelect={setSelected}
            onLight={setLit}
            onByte={setByte}
          />
          <ByteEditor
            at={at}
            byte={bytes[at] as number}
            original={original[at] as number}
            onByte={(byte) => setByte(at, byte)}
          />
        </div>
        <div>
          {reading.frames.length > 1 && <FrameList frames={reading.frames} current={frame} onSelect={setSelected} />}
          {frame && <Fields frame={frame} lit={lit} at={at} onLight={setLit} onSelect={setSelected} />}
        </div>
      </div>
      <details className={live.details}>
        <summary>What the decoder was given, and what it answered</summary>
        <ol className={styles.pushes}>
          {reading.pushes.slice(-40).map(({ from, to, answers }) => (
            <li key={from}>
              bytes {from} to {to - 1}: {answers.join(", ")}
            </li>
          ))}
        </ol>
      </details>
      <Bar>
        <button
          type="button"
          className={live.quiet}
          disabled={encodeState(state) === state.preset}
          onClick={() => setState(initial(state.preset))}
        >
          Take changes back
        </button>
        <Share />
      </Bar>
    </div>
  );
}

function VerdictLine({ verdict, count }: { verdict: Verdict; count: number }) {
  const frames = `${count} ${count === 1 ? "frame" : "frames"}`;
  return (
    <p role="status" className={live.verdict} data-kind={verdict.kind}>
      {verdict.kind === "error" ? (
        <>
          <strong>
            <code>{verdict.code}</code>
          </strong>{" "}
          {verdict.means}.
          {verdict.text !== verdict.means && ` ${verdict.text[0]?.toUpperCase()}${verdict.text.slice(1)}.`} The
          connection ends;{" "}
          {verdict.retry ? "the same bytes may pass another time" : "trying again would end the same way"}.
        </>
      ) : (
        <>
          <strong>{count > 0 ? frames : "no frame"}</strong> {verdict.text}
        </>
      )}
    </p>
  );
}

function FrameList({
  frames,
  current,
  onSelect,
}: {
  frames: readonly Found[];
  current: Found | undefined;
  onSelect: (at: number) => void;
}) {
  return (
    <fieldset className={styles.frames}>
      <legend>Frames in these bytes</legend>
      {frames.map((frame) => (
        <button
          key={frame.from}
          type="button"
          data-state={frame.state}
          aria-pressed={frame === current}
          onClick={() => onSelect(frame.from)}
        >
          {frame.title}
        </button>
      ))}
    </fieldset>
  );
}

function Fields({
  frame,
  lit,
  at,
  onLight,
  onSelect,
}: {
  frame: Found;
  lit: string | null;
  at: number;
  onLight: (id: string | null) => void;
  onSelect: (at: number) => void;
}) {
  return (
    <table className={styles.fields}>
      <caption>{frame.title}</caption>
      <tbody>
        {frame.fields.map((field) => (
          <tr
            key={field.id}
            data-lit={field.id === lit || (field.from <= at && at < field.to)}
            onMouseEnter={() => onLight(field.id)}
            onMouseLeave={() => onLight(null)}
          >
            <th scope="row">
              <button
                type="button"
                onClick={() => onSelect(field.from)}
                onFocus={() => onLight(field.id)}
                onBlur={() => onLight(null)}
              >
                {field.label}
              </button>
            </th>
            <td title={field.note}>
              <span className={styles.value}>{field.value}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
