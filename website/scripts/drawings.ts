/**
 * Drawings in comments of the code, as a page shows them. In an editor each is columns of letters; a page has other
 * widths, down to a phone's, so a conversation becomes a diagram, and names with what they stand for become a list.
 *
 * Anything else stays text, in lines that may go on below.
 */
import { code, fence } from "./markdown.ts";

const ENDS = /^(\w+) {3,}(\w+)$/;
const TO_RIGHT = /^(\S.*?) +-{2,}>(?: +(\S.*))?$/;
const TO_LEFT = /^<-{2,} +(\S.*?)(?: {2,}(\S.*))?$/;
const NAMED = /^(\S+(?: \S+)*) {2,}(\S.*)$/;
const COMMAND = /^(?:filespool|npm|npx) /;

/** Dots that lead from one line of a drawing to the next. */
const DOTS = /^\.\.\. | \.\.\.$/g;

/** Mermaid takes a semicolon for the end of a line, and a hash for the start of a sign. */
const said = (what: string, note: string | undefined): string =>
  (note === undefined ? what : `${what}: ${note.replace(DOTS, "")}`).replace(
    /[;#]/g,
    (sign) => `#${sign.charCodeAt(0)};`,
  );

/** Two names, and below them arrows from one to the other; null for what is none. */
function conversation(lines: readonly string[]): string | null {
  const [left, right] = ENDS.exec(lines[0] ?? "")?.slice(1) ?? [];
  if (left === undefined || right === undefined) return null;
  const arrows = lines.slice(1).map((line) => {
    const sent = TO_RIGHT.exec(line);
    if (sent) return `  ${left}->>${right}: ${said(sent[1] as string, sent[2])}`;
    const answered = TO_LEFT.exec(line.trim());
    return answered && `  ${right}->>${left}: ${said(answered[1] as string, answered[2])}`;
  });
  if (arrows.includes(null)) throw new Error(`a drawing has lines that are no arrows:\n${lines.join("\n")}`);
  return fence("mermaid", ["sequenceDiagram", `  participant ${left}`, `  participant ${right}`, ...arrows].join("\n"));
}

/** Each line a name and what it stands for; null for what is none. */
function names(lines: readonly string[]): string | null {
  const rows = lines.map((line) => NAMED.exec(line));
  if (lines.length < 2 || rows.includes(null)) return null;
  return rows.map((row) => `- ${named(row?.[1] as string)}: ${row?.[2]}`).join("\n");
}

const named = (name: string): string => (name.startsWith("-") ? code(name) : `**${name}**`);

export function drawing(text: string): string {
  const lines = text.split("\n");
  return conversation(lines) ?? names(lines) ?? fence(COMMAND.test(text) ? "sh" : "text", text);
}
