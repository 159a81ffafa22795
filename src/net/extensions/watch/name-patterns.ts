/**
 * Patterns for file names, as shells write them: `*` stands for any characters, `?` for one, and
 * everything else for itself.
 *
 * Upper and lower case differ, as they do in file names. There is no escape, and there are no
 * classes in brackets: a pattern with another meaning on each system is worse than two patterns.
 */

/** Whether a whole name fits a pattern. Only the last star is tried again, so none takes long. */
export function fits(name: string, pattern: string): boolean {
  let [at, want] = [0, 0];
  /**
   * The last star, and where in the name the rest of the pattern was tried last. If it does not
   * fit, it is tried one character further on.
   */
  let [star, taken] = [-1, 0];
  while (at < name.length) {
    if (pattern[want] === "*") {
      star = want++;
      taken = at;
    } else if (want < pattern.length && (pattern[want] === "?" || pattern[want] === name[at])) {
      at++;
      want++;
    } else if (star >= 0) {
      at = ++taken;
      want = star + 1;
    } else return false;
  }
  while (pattern[want] === "*") want++;
  return want === pattern.length;
}

/** Whether a name fits one of several. */
export const fitsAny = (name: string, patterns: readonly string[]): boolean =>
  patterns.some((pattern) => fits(name, pattern));
