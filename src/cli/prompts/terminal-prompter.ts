/**
 * An `Prompter` made of real prompts: the only file that knows the prompt library.
 *
 *   ◆  Which file?
 *   │  Search: bi█
 *   │  ● big.bin                                 28.6 MiB
 *   └
 *
 * It is loaded when the first question is asked and not before, so that scripts do not pay for it. Which questions
 * there are is prompts.ts's business; this file knows how one looks, which keys answer it, and how it ends.
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

/** The two ends of the terminal, and what a question must know besides. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** Takes a question back that nobody has answered yet. */
  readonly signal: AbortSignal;
}

// Ctrl-D means "no more input". The library hears of it only as the end of its line editor, and then nobody would
// answer any more: the question would neither be answered nor be over.
updateSettings({ aliases: { "\u0004": "cancel" } });

/** Stands for what must not be seen. */
const HIDDEN = "\u2022";

/** Ctrl-C in a prompt comes back as a symbol; from here on it is the same error as Ctrl-C anywhere else. */
function answered<T>(answer: T | typeof CANCEL_SYMBOL): T {
  if (isCancel(answer)) throw cancelled();
  return answer;
}

/** Width of the column of names where there is room, and of what stands beside it: the frame and the size. */
const NAME_CELLS_MAX = 48;
const BESIDE_NAME_CELLS = 18;

/**
 * Questions on a terminal. Every one of them throws FilespoolError "interrupted" on Ctrl-C, Ctrl-D, Escape or the signal;
 * the library has by then given the terminal back as it was, with its cursor and its echo.
 */
export function terminalPrompter({ input, output, folder, signal }: Terminal): Prompter {
  // Every prompt of the library takes these three; the signal makes SIGTERM end a question like Ctrl-C.
  const streams = { input, output, signal };
  const columns = () => (output as Partial<{ columns: number }>).columns ?? 80;
  return {
    async text(message, fallback, check) {
      // Enter alone takes the default. What is pasted brings spaces along that nobody sees.
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
      // The keyboard hints of the library are left out: two or three lines need no manual.
      const options = choices.map(({ value, label, hint }) => ({ value: value as string, label, hint }));
      // The library's type for options wants literal types; the words come back as they were handed in.
      return answered(await select<string>({ message, options, showInstructions: false, ...streams })) as T;
    },

    async confirm(message) {
      // No is the answer of those who press Enter without reading.
      return answered(await confirm({ message, initialValue: false, ...streams }));
    },

    async secret(message, check) {
      const validate = (answer: string | undefined) => check(answer?.trim() ?? "");
      return answered(await password({ message, validate, mask: HIDDEN, ...streams })).trim();
    },

    async file(message) {
      // Choosing a folder opens it: the same question again, one level further.
      // The path so far becomes what is typed, so that it can be edited, or left again by "../".
      let path = "";
      do {
        const chosen = answered(
          await autocomplete<string>({
            message: path === "" ? message : `${message} In ${path}`,
            initialUserInput: path,
            placeholder: "type a part of its name or a path",
            completeOnTab: true,
            maxItems: 12,
            // Asked again with every key, with `this` being the prompt: a list that follows what is typed.
            options() {
              const nameCells = Math.min(NAME_CELLS_MAX, columns() - BESIDE_NAME_CELLS);
              const entries = entriesFor(this.userInput, folder, nameCells);
              return entries.map((entry) => ({ value: entry.path, label: entry.label }));
            },
            // The list is filtered already, by what follows the last slash only.
            filter: () => true,
            validate: (chosen) => (chosen === undefined ? "There is no such file; please choose one." : undefined),
            ...streams,
          }),
        );
        // Down and up again leaves no trace: "sub/../a.txt" is "a.txt".
        path = normalize(chosen);
      } while (path.endsWith("/"));
      return path;
    },
  };
}

/** What an invite keeps behind its "#" is not shown, wherever somebody pastes it. */
const concealed = (text: string): string => text.replace(/^(\s*filespool:[^#]*#).+/is, `$1${HIDDEN.repeat(4)}`);

/** How a question for a line of text looks: the default in grey until something is typed, the trouble below. */
function lineOf(message: string, fallback: string, prompt: Omit<TextPrompt, "prompt">): string {
  const { state, userInput, userInputWithCursor, error } = prompt;
  const shown = concealed(userInput);
  const head = `${styleText("gray", S_BAR)}\n${symbol(state)}  ${message}\n`;
  if (state === "submit") return `${head}${styleText("gray", S_BAR)}  ${styleText("dim", shown.trim() || fallback)}`;
  if (state === "cancel") return `${head}${styleText("gray", S_BAR)}  ${styleText(["strikethrough", "dim"], shown)}`;
  const empty = styleText("inverse", fallback.slice(0, 1) || " ") + styleText("dim", fallback.slice(1));
  // The cursor cannot stand in what is not shown.
  const typed = shown === userInput ? userInputWithCursor : `${shown}\u2588`;
  const colour = state === "error" ? "yellow" : "cyan";
  const trouble = state === "error" ? `  ${styleText("yellow", error)}` : "";
  const line = `${styleText(colour, S_BAR)}  ${userInput === "" ? empty : typed}`;
  return `${head}${line}\n${styleText(colour, S_BAR_END)}${trouble}\n`;
}
