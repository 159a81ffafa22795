/**
 * What the reader of the frame explorer has chosen: which bytes, what was changed in them, how much has arrived.
 *
 * All of it fits a link, so that "look what happens when this bit flips" can be sent to somebody. A link is input from
 * a stranger: whatever in it makes no sense is left out, and the rest is used. Invariant: `decode(encode(s))` is `s`.
 */
import { fromHex } from "../shared/bytes.ts";

export interface Preset {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly bytes: Uint8Array;
}

export interface ExplorerState {
  readonly preset: string;
  /** Changed bytes by position. */
  readonly edits: ReadonlyMap<number, number>;
  /** How many bytes have arrived; null means all. */
  readonly arrived: number | null;
  /** Bytes handed to the decoder at a time; 0 means all that have arrived. */
  readonly pieceBytes: number;
}

export const PIECES = [0, 1, 7, 24, 64] as const;

interface Vector {
  readonly title: string;
  readonly hex: string;
}
export interface Vectors {
  readonly frames: readonly Vector[];
  readonly skipped: readonly Vector[];
  readonly damaged: readonly Vector[];
}
export interface Recording {
  readonly streams: readonly { readonly id: string; readonly title: string; readonly hex: string }[];
}

const slug = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

/** Everything to look at: a real transfer first, then the golden vectors. */
export function presets(vectors: Vectors, recording: Recording): Preset[] {
  const from = (group: string, list: readonly Vector[]): Preset[] =>
    list
      .filter(({ hex }) => hex !== "")
      .map(({ title, hex }) => ({ id: slug(title), group, title, bytes: fromHex(hex) }));
  const recorded = recording.streams.map(({ id, title, hex }) => ({
    id,
    group: "A real transfer, recorded",
    title,
    bytes: fromHex(hex),
  }));
  return [
    ...recorded,
    ...from("One frame", vectors.frames),
    ...from("To be skipped", vectors.skipped),
    ...from("Unfinished or damaged", vectors.damaged),
  ];
}

export const initial = (preset: string): ExplorerState => ({ preset, edits: new Map(), arrived: null, pieceBytes: 0 });

/** The bytes with the reader's changes. */
export function edited(bytes: Uint8Array, edits: ReadonlyMap<number, number>): Uint8Array {
  const copy = bytes.slice();
  for (const [at, byte] of edits) if (at < copy.length) copy[at] = byte;
  return copy;
}

/** The state with byte `at` set; setting it to what it was takes the change back. */
export function withByte(state: ExplorerState, original: Uint8Array, at: number, byte: number): ExplorerState {
  const edits = new Map(state.edits);
  if (original[at] === byte) edits.delete(at);
  else edits.set(at, byte);
  return { ...state, edits };
}

export function encodeState({ preset, edits, arrived, pieceBytes }: ExplorerState): string {
  const changes = [...edits]
    .sort(([a], [b]) => a - b)
    .map(([at, byte]) => `${at}-${byte.toString(16).padStart(2, "0")}`);
  return [preset, changes.join("."), arrived ?? "", pieceBytes || ""].join("_").replace(/_+$/, "");
}

/** The state that a link means, or null when it names nothing that exists. */
export function decodeState(text: string, known: readonly Preset[]): ExplorerState | null {
  const [id = "", changes = "", arrived = "", piece = ""] = text.split("_");
  const preset = known.find((one) => one.id === id);
  if (!preset) return null;
  const edits = new Map<number, number>();
  for (const change of changes.split(".")) {
    const [, at = "", hex = ""] = /^(\d{1,7})-([0-9a-f]{2})$/.exec(change) ?? [];
    const byte = Number.parseInt(hex, 16);
    if (at !== "" && Number(at) < preset.bytes.length && preset.bytes[Number(at)] !== byte) edits.set(Number(at), byte);
  }
  const bytes = /^\d{1,7}$/.test(arrived) ? Math.min(Number(arrived), preset.bytes.length) : null;
  const pieceBytes = PIECES.find((size) => String(size) === piece) ?? 0;
  return { preset: id, edits, arrived: bytes === preset.bytes.length ? null : bytes, pieceBytes };
}
