/**
 * Where each member of a small JSON object lies, in bytes, so that a field on the right can light up its bytes on the left.
 *
 * Not a JSON parser: JSON.parse says whether it is one and what it means; this finds the commas of the outermost level.
 * Invariant: the ranges are in order and do not overlap. Anything that is not a plain object has no members.
 */

export interface Member {
  readonly key: string;
  /** As it stands in the text. */
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

export function memberRanges(payload: Uint8Array): Member[] {
  const text = new TextDecoder().decode(payload);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  } catch {
    return [];
  }
  const members: Member[] = [];
  const open = payload.indexOf(0x7b);
  let start = open + 1;
  let depth = 0;
  let inString = false;
  for (let at = open; at < payload.length; at++) {
    const byte = payload[at];
    if (inString && byte === 0x5c) at++;
    else if (byte === 0x22) inString = !inString;
    else if (inString) continue;
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    const isEnd = !inString && ((byte === 0x2c && depth === 1) || depth === 0);
    if (!isEnd) continue;
    if (at > start) members.push(member(payload, start, at));
    if (depth === 0) break;
    start = at + 1;
  }
  return members.filter(({ key }) => key !== "");
}

function member(payload: Uint8Array, from: number, to: number): Member {
  const text = new TextDecoder().decode(payload.subarray(from, to));
  const [, key = "", value = ""] = /^\s*("(?:[^"\\]|\\.)*")\s*:\s*([\s\S]*)$/.exec(text) ?? [];
  return { key: key && JSON.parse(key), value, from, to };
}
