/**
 * What the tables of operators have in their columns: a queue, a transfer, a dead letter, each as a row of texts.
 *
 * A row is made for eyes: sizes and ages of three digits, no field that says nothing. Programs get the fields themselves, as the
 * server sent them (operate.ts). Whatever is not ours, names and reasons above all, is escaped here, so that table.ts can count
 * cells and nothing else; that it is text from strangers shows in each `printable` below.
 *
 * Read next: table.ts, which gives the columns their widths.
 */
import type { QueueInfo, TransferInfo } from "../../net/extensions/operate/operator.ts";
import { escapeText } from "../report/escape.ts";
import type { Column } from "../report/table.ts";
import { isSendQueue } from "../settings/settings.ts";
import { humanDuration, humanSize } from "../settings/units.ts";

// Titles are in capitals, so that a table without a line under its head still shows which line that is.
// The names come last, because they alone have no bound that fits a line, and because the eye finds them there: what is right of
// a long name would jump from block to block.
export const QUEUES: readonly Column[] = [
  { title: "FILES", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "DEAD", align: "right" },
  { title: "UPLOADS", align: "right" },
  { title: "QUEUE", mayCut: true },
];
/** Bytes are those of the files; what unfinished uploads have reserved is not in a queue. */
export const queueRow = ({ queue, files, bytes, dead, uploads }: QueueInfo) =>
  [String(files), humanSize(bytes), String(dead), String(uploads), shownQueue(queue)] as const;

/**
 * The name of a queue. One that looks like another (made before such names were refused) is shown as a shell with
 * $'...' takes it, so that whoever empties it can tell the two apart and type it.
 */
function shownQueue(queue: string): string {
  if (isSendQueue(queue)) return escapeText(queue);
  const escaped = queue.replace(/[^ -~]/gu, (char) => {
    const code = char.codePointAt(0) as number;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `$'${escaped}'`;
}

// The id is never cut: it is there to be copied into the next command.
export const TRANSFERS: readonly Column[] = [
  { title: "STATE" },
  { title: "SIZE", align: "right" },
  { title: "AGE", align: "right" },
  { title: "TRANSFER" },
  { title: "NAME", mayCut: true },
];
/** Also of one that is unknown: then all but its id and that word is empty. */
export const transferRow = (info: TransferInfo) =>
  [stateOf(info), sizeOf(info), ageOf(info), info.transfer, escapeText(info.name ?? "")] as const;

// Of a dead letter everybody knows that it is dead; what is asked is why, since when, and whether it was one bad day.
export const LETTERS: readonly Column[] = [
  { title: "FAILED", align: "right" },
  { title: "LAST", align: "right" },
  { title: "TRANSFER" },
  { title: "NAME", mayCut: true },
  { title: "REASON", mayCut: true },
];
/** The last failure of how many, and when. The first one is a matter for `filespool show`. */
export const letterRow = (info: TransferInfo) =>
  [
    `${info.failures ?? 0} x`,
    age(info.lastFailedAtMs),
    info.transfer,
    escapeText(info.name ?? ""),
    escapeText(info.reason ?? ""),
  ] as const;

/** "uploading 40 %": for an upload, how far it is says more than that it is one. */
export function stateOf({ state, offset = 0, size }: TransferInfo): string {
  if (state !== "uploading" || size === undefined || size === 0) return state;
  return `uploading ${Math.floor((offset / size) * 100)} %`;
}
/** Of a stream that is still being sent nobody knows the size. */
export const sizeOf = ({ size }: TransferInfo) => (size === undefined ? "" : humanSize(size));
/** How long it has been in its state; of an upload, how long nothing has arrived. */
export const ageOf = ({ atMs }: TransferInfo) => age(atMs);
/** By this machine's clock; a server whose clock is ahead has files of age 0. */
export const age = (sinceMs: number | undefined) =>
  sinceMs === undefined ? "" : humanDuration(Math.max(0, Date.now() - sinceMs));
