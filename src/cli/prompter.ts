/** Somebody who answers questions, for those who ask: which questions there are, and not how they are drawn. */

/** One of several answers. */
export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
  readonly hint: string;
}

/** Somebody who answers questions. Each of them throws FilespoolError "interrupted" when told to stop asking. */
export interface Prompter {
  /** A line of text, in which the secret of an invite is not shown; Enter alone gives `fallback`. `check` says what is wrong with an answer, or nothing. */
  text(message: string, fallback: string, check: (answer: string) => string | undefined): Promise<string>;
  /** One of a few; Enter alone takes the first. */
  choose<T extends string>(message: string, choices: readonly Choice<T>[]): Promise<T>;
  /** Yes or no; Enter alone is no. */
  confirm(message: string): Promise<boolean>;
  /** A word that must not be seen while it is typed. `check` says what is wrong with it, or nothing. */
  secret(message: string, check: (answer: string) => string | undefined): Promise<string>;
  /** The path of an existing file, picked from a list that starts in the working folder. */
  file(message: string): Promise<string>;
}
