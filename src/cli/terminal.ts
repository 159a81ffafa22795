/**
 * An `Asker` made of real prompts: the only file that knows the prompt library.
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
import { autocomplete, type CANCEL_SYMBOL, confirm, isCancel, password, select, text } from "@clack/prompts";
import { cancelled } from "./exit.ts";
import { entriesFor } from "./picker.ts";
import type { Asker, Choice } from "./prompts.ts";

/** The two ends of the terminal, and what a question must know besides. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** Takes a question back that nobody has answered yet. */
  readonly signal: AbortSignal;
}

/** Ctrl-C in a prompt comes back as a symbol; from here on it is the same error as Ctrl-C anywhere else. */
function answered<T>(answer: T | typeof CANCEL_SYMBOL): T {
  if (isCancel(answer)) throw cancelled();
  return answer;
}

/**
 * Questions on a terminal. Every one of them throws FilespoolError "interrupted" on Ctrl-C, Escape or the signal; the
 * library has by then given the terminal back as it was, with its cursor and its echo.
 */
export function terminalAsker({ input, output, folder, signal }: Terminal): Asker {
  // Every prompt of the library takes these three; the signal makes SIGTERM end a question like Ctrl-C.
  const streams = { input, output, signal };
  return {
    async text(message, fallback, check) {
      // The default stands in the field in grey until something is typed, and Enter alone takes it.
      const validate = (answer: string | undefined) => (answer ? check(answer) : undefined);
      return answered(await text({ message, placeholder: fallback, defaultValue: fallback, validate, ...streams }));
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

    async secret(message) {
      const validate = (answer: string | undefined) =>
        answer?.trim() ? undefined : "Please give a token or an invite.";
      return answered(await password({ message, validate, ...streams })).trim();
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
              return entriesFor(this.userInput, folder).map((entry) => ({ value: entry.path, label: entry.label }));
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
