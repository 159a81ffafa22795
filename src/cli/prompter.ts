/** The questions that a command can ask. How they look: prompts/terminal-prompter.ts. */

/** One of several answers. */
export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
  readonly hint: string;
}

/** Asks a person. Every function throws FilespoolError "interrupted" when the person cancels or a signal ends the run. */
export interface Prompter {
  /** A line of text; Enter alone gives `fallback`. `check` returns what is wrong with an answer. Hides the secret of an invite. */
  text(message: string, fallback: string, check: (answer: string) => string | undefined): Promise<string>;
  /** One of a few choices; Enter alone takes the first. */
  choose<T extends string>(message: string, choices: readonly Choice<T>[]): Promise<T>;
  /** Yes or no; Enter alone means no. */
  confirm(message: string): Promise<boolean>;
  /** A word that is hidden while the person types it. `check` returns what is wrong with it. */
  secret(message: string, check: (answer: string) => string | undefined): Promise<string>;
  /** The path of an existing file, picked from a list that starts in the working folder. */
  file(message: string): Promise<string>;
}
