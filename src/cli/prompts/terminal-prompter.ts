/**
 * A `Prompter` for a real terminal: the only file that knows the prompt library.
 *
 *   ◆  Which file?
 *   │  Search: bi█
 *   │  ● big.bin                                 28.6 MiB
 *   └
 *
 * It is loaded with the first question, so scripts never load it. prompts.ts decides which questions there are. This file
 * decides how a question looks, which keys answer it, and how it ends.
 */
import { normalize } from "node:path";
import type { Readable, Writable } from "node:stream";
import { styleText } from "node:util";
import { TextPrompt } from "@clack/core";
import {
  autocomplete,
  type CANCEL_SYMBOL,
  confirm,
  isCancel,
  password,
  S_BAR,
  S_BAR_END,
  select,
  symbol,
  updateSettings,
} from "@clack/prompts";
import { cancelled } from "../exit-codes.ts";
import type { Choice, Prompter } from "../prompter.ts";
import { entriesFor } from "./file-picker.ts";

/** The streams of the terminal, and what a question needs besides. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** Cancels an open question. */
  readonly signal: AbortSignal;
}

// Ctrl-D means "no more input". It would end the library's line editor, and the question would stay open without anybody
// to answer it. So Ctrl-D cancels the question.
updateSettings({ aliases: { "\u0004": "cancel" } });

/** Shown in place of a secret. */
const HIDDEN = "\u2022";

/** The library returns a symbol for Ctrl-C; this makes it the same error as Ctrl-C anywhere else. */
function answered<T>(answer: T | typeof CANCEL_SYMBOL): T {
  if (isCancel(answer)) throw cancelled();
  return answer;
}

/** Largest width of the column of names, and the width of the rest of a line: the frame and the size. */
const NAME_CELLS_MAX = 48;
const BESIDE_NAME_CELLS = 18;

/**
 * Questions on a terminal. Each of them throws FilespoolError "interrupted" on Ctrl-C, Ctrl-D, Escape or the signal. By
 * then the library has restored the cursor and the echo of the terminal.
 */
export function terminalPrompter({ input, output, folder, signal }: Terminal): Prompter {
  // Every prompt of the library takes these three; the signal makes SIGTERM end a question like Ctrl-C.
  const streams = { input, output, signal };
  const columns = () => (output as Partial<{ columns: number }>).columns ?? 80;
  return {
    async text(message, fallback, check) {
      // Enter alone takes the default. Pasted text often has invisible spaces around it.
      const validate = (answer: string | undefined) => (answer?.trim() ? check(answer.trim()) : undefined);
      const options = { defaultValue: fallback, validate, ...streams };
      // The library's own text prompt would show an invite with the token in it.
      const prompt = new TextPrompt({
        ...options,
        render() {
          return lineOf(message, fallback, this);
        },
      });
      return (answered(await prompt.prompt()) ?? "").trim() || fallback;
    },

    async choose<T extends string>(message: string, choices: readonly Choice<T>[]) {
      // Without the keyboard hints of the library: two or three lines need none.
      const options = choices.map(({ value, label, hint }) => ({ value: value as string, label, hint }));
      // The library's type wants literal types; it returns one of the values that it got.
      return answered(await select<string>({ message, options, showInstructions: false, ...streams })) as T;
    },

    async confirm(message) {
      // Enter alone means no, because some people press Enter without reading.
      return answered(await confirm({ message, initialValue: false, ...streams }));
    },

    async secret(message, check) {
      const validate = (answer: string | undefined) => check(answer?.trim() ?? "");
      return answered(await password({ message, validate, mask: HIDDEN, ...streams })).trim();
    },

    async file(message) {
      // The choice of a folder opens it: the same question comes again, one level deeper. The path so far is filled in, so
      // the person can edit it, or leave the folder by "../".
      let path = "";
      do {
        const chosen = answered(
          await autocomplete<string>({
            message: path === "" ? message : `${message} In ${path}`,
            initialUserInput: path,
            placeholder: "type a part of the name, or a path",
            completeOnTab: true,
            maxItems: 12,
            // The library calls this at every key, with `this` as the prompt, so the list follows the typed text.
            options() {
              const nameCells = Math.min(NAME_CELLS_MAX, columns() - BESIDE_NAME_CELLS);
              const entries = entriesFor(this.userInput, folder, nameCells);
              return entries.map((entry) => ({ value: entry.path, label: entry.label }));
            },
            // entriesFor() has filtered the list already.
            filter: () => true,
            validate: (chosen) =>
              chosen === undefined ? "There is no such file; please choose one of the list." : undefined,
            ...streams,
          }),
        );
        // "sub/../a.txt" becomes "a.txt".
        path = normalize(chosen);
      } while (path.endsWith("/"));
      return path;
    },
  };
}

/** Hides the part of an invite behind its "#", which holds the secret. */
const concealed = (text: string): string => text.replace(/^(\s*filespool:[^#]*#).+/is, `$1${HIDDEN.repeat(4)}`);

/** Draws a question for a line of text: the default in grey until the person types, and a mistake below. */
function lineOf(message: string, fallback: string, prompt: Omit<TextPrompt, "prompt">): string {
  const { state, userInput, userInputWithCursor, error } = prompt;
  const shown = concealed(userInput);
  const head = `${styleText("gray", S_BAR)}\n${symbol(state)}  ${message}\n`;
  if (state === "submit") return `${head}${styleText("gray", S_BAR)}  ${styleText("dim", shown.trim() || fallback)}`;
  if (state === "cancel") return `${head}${styleText("gray", S_BAR)}  ${styleText(["strikethrough", "dim"], shown)}`;
  const empty = styleText("inverse", fallback.slice(0, 1) || " ") + styleText("dim", fallback.slice(1));
  // The cursor cannot be inside a hidden text, so it goes to the end.
  const typed = shown === userInput ? userInputWithCursor : `${shown}\u2588`;
  const colour = state === "error" ? "yellow" : "cyan";
  const trouble = state === "error" ? `  ${styleText("yellow", error)}` : "";
  const line = `${styleText(colour, S_BAR)}  ${userInput === "" ? empty : typed}`;
  return `${head}${line}\n${styleText(colour, S_BAR_END)}${trouble}\n`;
}
