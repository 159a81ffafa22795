/**
 * The columns of the tables for operators: a queue, a transfer or a dead letter as a row of texts.
 *
 * A row is for people: sizes and ages have three digits, and empty fields stay empty. Programs get the fields as the server
 * sent them (operate.ts). Names and reasons come from strangers, so they are escaped here; table.ts only counts cells.
 *
 * Read next: table.ts, which gives the columns their widths.
 */
import type { QueueInfo, TransferInfo } from "../../net/extensions/operate/operator.ts";
import { escapeText } from "../report/escape.ts";
import type { Column } from "../report/table.ts";
import { isSendQueue } from "../settings/settings.ts";
import { humanDuration, humanSize } from "../settings/units.ts";

// Titles are in capitals, so the head of a table is visible without a line below it. Names come last, because only they can
// be too long for a line, and columns to the right of a long name would jump from block to block.
export const QUEUES: readonly Column[] = [
  { title: "FILES", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "DEAD", align: "right" },
  { title: "UPLOADS", align: "right" },
  { title: "QUEUE", mayCut: true },
];
/** The size counts files only, not the room that unfinished uploads have reserved. */
export const queueRow = ({ queue, files, bytes, dead, uploads }: QueueInfo) =>
  [String(files), humanSize(bytes), String(dead), String(uploads), shownQueue(queue)] as const;

/**
 * The name of a queue. An old queue may have a name that looks like another (such names are refused now). It is shown in
 * the form $'...' of a shell, so a person can distinguish the two and type it.
 */
function shownQueue(queue: string): string {
  if (isSendQueue(queue)) return escapeText(queue);
  const escaped = queue.replace(/[^ -~]/gu, (char) => {
    const code = char.codePointAt(0) as number;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `$'${escaped}'`;
}

// The id is never cut, because people copy it into the next command.
export const TRANSFERS: readonly Column[] = [
  { title: "STATE" },
  { title: "SIZE", align: "right" },
  { title: "AGE", align: "right" },
  { title: "TRANSFER" },
  { title: "NAME", mayCut: true },
];
/** Of an unknown transfer, only the state and the id have a text. */
export const transferRow = (info: TransferInfo) =>
  [stateOf(info), sizeOf(info), ageOf(info), info.transfer, escapeText(info.name ?? "")] as const;

// For a dead letter, people ask why and since when it failed, and whether it failed only on one day.
export const LETTERS: readonly Column[] = [
  { title: "FAILED", align: "right" },
  { title: "LAST", align: "right" },
  { title: "TRANSFER" },
  { title: "NAME", mayCut: true },
  { title: "REASON", mayCut: true },
];
/** The number of failures, and the last one. `filespool show` also shows the first. */
export const letterRow = (info: TransferInfo) =>
  [
    `${info.failures ?? 0} x`,
    age(info.lastFailedAtMs),
    info.transfer,
    escapeText(info.name ?? ""),
    escapeText(info.reason ?? ""),
  ] as const;

/** The state; of an upload also the share that has arrived: "uploading 40 %". */
export function stateOf({ state, offset = 0, size }: TransferInfo): string {
  if (state !== "uploading" || size === undefined || size === 0) return state;
  return `uploading ${Math.floor((offset / size) * 100)} %`;
}
/** Empty for a stream that is still being sent: nobody knows its size. */
export const sizeOf = ({ size }: TransferInfo) => (size === undefined ? "" : humanSize(size));
/** How long a transfer has been in its state; of an upload, the time since its last progress. */
export const ageOf = ({ atMs }: TransferInfo) => age(atMs);
/** By the clock of this machine. If the clock of the server is ahead, the age is 0. */
export const age = (sinceMs: number | undefined) =>
  sinceMs === undefined ? "" : humanDuration(Math.max(0, Date.now() - sinceMs));
