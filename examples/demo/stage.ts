/**
 * The stage: prints who says what and when, in columns that fit 80 cells.
 */
import { styleText } from "node:util";
import { wantsColour } from "../../src/cli/report/colours.ts";
import { cells, clip } from "../../src/cli/report/escape.ts";

export type Who = "demo" | "server" | "sender" | "receiver";

const COLOURS = { demo: "yellow", server: "magenta", sender: "cyan", receiver: "green" } as const;
type Style = Parameters<typeof styleText>[0];

/** Cells before a text: time, who, and a line between. */
const HEAD_CELLS = 21;
const WIDTH_MAX = 100;

export class Stage {
  readonly #startMs = performance.now();
  readonly #colour = wantsColour(process.stdout, process.env);
  readonly #width = Math.min(process.stdout.columns ?? 80, WIDTH_MAX) - 1;
  #steps = 0;

  /** One line by somebody, after the seconds since the start; cut where the screen ends. */
  line(who: Who, text: string): void {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(2).padStart(6);
    const shown = clip(text, this.#width - HEAD_CELLS);
    console.log(`${this.paint("dim", `${seconds} s`)}  ${this.paint(COLOURS[who], who.padEnd(8))} │ ${shown}`);
  }

  /** The next scene: what is about to be shown, and why it matters; broken into lines between words. */
  step(title: string, why: string): void {
    this.#steps++;
    console.log(`\n${this.paint("bold", `${this.#steps}. ${title}`)}`);
    for (const line of wrap(why, this.#width - 3)) console.log(`   ${this.paint("dim", line)}`);
  }

  plain(text = ""): void {
    console.log(text);
  }

  paint(style: Style, text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }
}

/** Breaks a text into lines of at most `max` cells. */
function wrap(text: string, max: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1] as string;
    if (line === "") lines[lines.length - 1] = word;
    else if (cells(line) + 1 + cells(word) <= max) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Pads a text to a number of cells, cut if it is longer. */
export const column = (text: string, width: number): string => {
  const shown = clip(text, width);
  return shown + " ".repeat(width - cells(shown));
};
