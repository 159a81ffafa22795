/**
 * The few controls that the elements share: a slider with its value in words, a choice, a button row, a link to share.
 *
 * Invariant: each is a native control with a visible label, so that keyboards and screen readers need nothing special.
 */
import { type ReactNode, useId, useState } from "react";
import styles from "../live.module.css";

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  /** The value in words, shown and read aloud. */
  readonly text: string;
  readonly onChange: (value: number) => void;
}

export function Slider({ label, value, min, max, step = 1, text, onChange }: SliderProps) {
  const id = useId();
  return (
    <div className={styles.control}>
      <label htmlFor={id}>
        {label} <strong>{text}</strong>
      </label>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={text}
        onChange={(event) => onChange(Number(event.target.value))}
      />
    </div>
  );
}

/** A slider over a list of values, for scales that are not linear. */
export function Steps({
  label,
  values,
  value,
  text,
  onChange,
}: {
  readonly label: string;
  readonly values: readonly number[];
  readonly value: number;
  readonly text: (value: number) => string;
  readonly onChange: (value: number) => void;
}) {
  const at = Math.max(0, values.indexOf(value));
  return (
    <Slider
      label={label}
      value={at}
      min={0}
      max={values.length - 1}
      text={text(value)}
      onChange={(index) => onChange(values[index] as number)}
    />
  );
}

export function Choice<T extends string | number>({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly text: string; readonly group?: string }[];
  readonly onChange: (value: T) => void;
}) {
  const id = useId();
  const groups = [...new Set(options.map(({ group }) => group))];
  const list = (group: string | undefined) =>
    options
      .filter((option) => option.group === group)
      .map((option) => (
        <option key={option.value} value={option.value}>
          {option.text}
        </option>
      ));
  return (
    <div className={styles.control}>
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          const found = options.find((option) => String(option.value) === event.target.value);
          if (found) onChange(found.value);
        }}
      >
        {groups.map((group) =>
          group === undefined ? (
            list(group)
          ) : (
            <optgroup key={group} label={group}>
              {list(group)}
            </optgroup>
          ),
        )}
      </select>
    </div>
  );
}

export const Bar = ({ children }: { readonly children: ReactNode }) => <div className={styles.bar}>{children}</div>;

/** Copies the address of this view. */
export function Share() {
  const [said, setSaid] = useState("Copy a link to this view");
  const copy = () =>
    navigator.clipboard.writeText(window.location.href).then(
      () => setSaid("Copied"),
      () => setSaid("The address bar has the link"),
    );
  return (
    <button
      type="button"
      className={styles.quiet}
      onClick={() => void copy()}
      onBlur={() => setSaid("Copy a link to this view")}
    >
      <span aria-live="polite">{said}</span>
    </button>
  );
}
