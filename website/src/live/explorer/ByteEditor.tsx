/** The selected byte, bit by bit: each bit is a switch. Knows one byte and nothing around it. */
import { printable } from "../shared/bytes.ts";
import styles from "./explorer.module.css";

interface Props {
  readonly at: number;
  readonly byte: number;
  readonly original: number;
  readonly onByte: (byte: number) => void;
}

const BITS = [7, 6, 5, 4, 3, 2, 1, 0];

export function ByteEditor({ at, byte, original, onByte }: Props) {
  return (
    <fieldset className={styles.bits}>
      <legend>
        Byte {at}: <code>0x{byte.toString(16).padStart(2, "0")}</code> = {byte}
        {printable(byte) !== "\u00b7" && ` = \u201c${printable(byte)}\u201d`}. Flip a bit:
      </legend>
      {BITS.map((bit) => {
        const isSet = ((byte >> bit) & 1) === 1;
        return (
          <button
            key={bit}
            type="button"
            aria-pressed={isSet}
            aria-label={`bit ${bit}: ${isSet ? 1 : 0}`}
            data-changed={((byte ^ original) >> bit) & 1}
            onClick={() => onByte(byte ^ (1 << bit))}
          >
            {isSet ? 1 : 0}
          </button>
        );
      })}
    </fieldset>
  );
}
