/**
 * Whether a stream gets colours, and which.
 *
 * Colours only repeat what the words say.
 */
import { styleText } from "node:util";
import type { Tone } from "./event-text.ts";

const COLOURS = { good: "green", plain: "cyan", warn: "yellow", bad: "red" } as const satisfies Record<Tone, string>;

/** A text in the colour of a tone. */
export const coloured = (tone: Tone, text: string): string => styleText(COLOURS[tone], text, { validateStream: false });

/** The finished part of a bar, in colour. */
export const colouredBar = (done: string): string => styleText("cyan", done, { validateStream: false });

/**
 * Whether an output gets colours. Each of the two is asked, because one may be a terminal and the other a file.
 * https://no-color.org: any non-empty text switches colours off.
 */
export function wantsColour(
  output: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return output.isTTY === true;
}
