/**
 * The bytes as a grid of buttons: one in the order of Tab, the arrows move between them, typing changes them.
 *
 * Colours are the fields of the frame; bytes that have not arrived are pale. Knows nothing of frames but their ranges.
 */
import { type KeyboardEvent, useEffect, useRef } from "react";
import { printable } from "../shared/bytes.ts";
import styles from "./explorer.module.css";
import type { Field, Found } from "./stream.ts";

interface Props {
  readonly bytes: Uint8Array;
  readonly original: Uint8Array;
  readonly arrived: number;
  readonly frames: readonly Found[];
  readonly selected: number;
  readonly lit: Field | null;
  readonly onSelect: (at: number) => void;
  readonly onLight: (id: string | null) => void;
  readonly onByte: (at: number, byte: number) => void;
}

/** Hues of neighbouring fields differ; which one a field has means nothing. */
const hue = (index: number): number => (index * 67 + 190) % 360;

export function HexGrid({ bytes, original, arrived, frames, selected, lit, onSelect, onLight, onByte }: Props) {
  const grid = useRef<HTMLFieldSetElement>(null);
  /** The first of two digits that are being typed. */
  const digit = useRef<string | null>(null);
  const hasFocus = () => grid.current?.contains(document.activeElement) ?? false;

  useEffect(() => {
    const cell = grid.current?.querySelector<HTMLElement>(`[data-at="${selected}"]`);
    if (!cell || !grid.current) return;
    // Only the grid scrolls, never the page.
    const { offsetTop, offsetHeight } = cell;
    const { scrollTop, clientHeight } = grid.current;
    if (offsetTop < scrollTop || offsetTop + offsetHeight > scrollTop + clientHeight)
      grid.current.scrollTop = offsetTop - clientHeight / 3;
    if (hasFocus()) cell.focus({ preventScroll: true });
  });

  /** Cells of one row: as many as share the place of the first. */
  const columns = () => {
    const cells = [...(grid.current?.querySelectorAll<HTMLElement>("[data-at]") ?? [])];
    return Math.max(
      1,
      cells.findIndex((cell) => cell.offsetTop !== cells[0]?.offsetTop),
    );
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const byte = bytes[selected] as number;
    const move = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns(),
      ArrowDown: columns(),
      Home: -selected,
      End: bytes.length,
    }[event.key];
    if (move !== undefined) {
      digit.current = null;
      onSelect(Math.max(0, Math.min(bytes.length - 1, selected + move)));
    } else if (/^[0-9a-f]$/i.test(event.key)) {
      const high = digit.current;
      digit.current = high === null ? event.key : null;
      if (high !== null) {
        onByte(selected, Number.parseInt(high + event.key, 16));
        onSelect(Math.min(bytes.length - 1, selected + 1));
      }
    } else if (event.key === " ") onByte(selected, byte ^ 1);
    else if (event.key === "Backspace" || event.key === "Delete") onByte(selected, original[selected] as number);
    else return;
    event.preventDefault();
  };

  const cells = [];
  let frame = 0;
  for (let at = 0; at < bytes.length; at++) {
    while (frame < frames.length - 1 && at >= (frames[frame]?.to ?? 0)) frame++;
    const owner = frames[frame];
    const index = owner ? owner.fields.findIndex(({ from, to }) => from <= at && at < to) : -1;
    const field = owner?.fields[index];
    const byte = bytes[at] as number;
    const text = byte.toString(16).padStart(2, "0");
    cells.push(
      <button
        key={at}
        type="button"
        data-at={at}
        tabIndex={at === selected ? 0 : -1}
        className={styles.byte}
        style={index >= 0 ? { ["--hue" as string]: hue(index) } : undefined}
        data-field={index >= 0}
        data-first={at === owner?.from}
        data-away={at >= arrived}
        data-changed={byte !== original[at]}
        data-lit={lit !== null && lit.from <= at && at < lit.to}
        aria-current={at === selected}
        aria-label={`byte ${at}: ${text}${field ? `, ${field.label}` : ""}${at >= arrived ? ", not here yet" : ""}`}
        title={`${at}: ${printable(byte)}${field ? ` (${field.label})` : ""}`}
        onClick={() => {
          digit.current = null;
          onSelect(at);
        }}
        onMouseEnter={() => onLight(field?.id ?? null)}
      >
        {text}
      </button>,
    );
  }
  return (
    <fieldset ref={grid} className={styles.hex} onKeyDown={onKeyDown} onMouseLeave={() => onLight(null)}>
      <legend className={styles.hidden}>
        Bytes: arrows move, two hexadecimal digits change one, space flips its last bit
      </legend>
      {cells}
    </fieldset>
  );
}
