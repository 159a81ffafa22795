/** Diagrams of pages: how those of Mermaid look, how wide they are, and which of them the site draws by itself. */
import type { Transitions } from "../../src/protocol/state-machine.ts";

/**
 * The colours and letters of the site, by name, so that they hold in both themes.
 *
 * Mermaid puts these rules at the end of the style element of each picture and an id in front of them. Its own are set in
 * the elements or have an id too, so each of these says that it is meant.
 */
const rules: Readonly<Record<string, string>> = {
  ".node rect, .node polygon, g.stateGroup rect, rect.actor": "fill: var(--paper-raised); stroke: var(--spool)",
  ".nodeLabel, .nodeLabel p, .label text, .state-title, text.actor > tspan, .messageText":
    "fill: var(--ink); color: var(--ink)",
  ".edgeLabel, .edgeLabel p, .edgeLabel .label": "color: var(--ink); background-color: var(--paper)",
  ".edgeLabel rect, .labelBkg": "fill: var(--paper); background-color: var(--paper); opacity: 1",
  ".flowchart-link, .transition, .messageLine0, .messageLine1": "stroke: var(--ink-soft)",
  ".actor-line": "stroke: var(--line)",
  ".marker, marker path, #arrowhead path": "fill: var(--ink-soft); stroke: var(--ink-soft)",
  "circle.state-start": "fill: var(--ink-soft); stroke: var(--ink-soft)",
  "rect.note": "fill: var(--paper-sunk); stroke: var(--thread)",
  ".noteText > tspan": "fill: var(--ink)",
};

const meant = (declarations: string): string => declarations.replaceAll(/(?=;|$)/g, " !important");

/** Pixels between the words on an arrow and what they stand between. */
const AIR = 8;

export const diagrams = {
  theme: { light: "neutral", dark: "dark" },
  options: {
    fontFamily: '"Source Sans 3 Variable", system-ui, sans-serif',
    themeCSS: Object.entries(rules)
      .map(([of, declarations]) => `${of} { ${meant(declarations)} }`)
      .join("\n"),
    sequence: { wrap: true, wrapPadding: AIR, height: 44, messageMargin: 28, mirrorActors: false },
  },
} as const;

/** Pixels: what a page has for a diagram, what a participant's box takes, and how large its letters are. */
const WIDE = { page: 690, box: 130, letters: 16 };
const NARROW = { page: 346, box: 76, letters: 13 };
/** The least room between two boxes, and the width of a letter as a part of its height. */
const MARGIN = 6;
const LETTER = 0.44;

/** The words on several lines, none longer than so many pixels, if a word is not. */
function broken(words: string, pixels: number, letters: number): string {
  const lines: string[] = [];
  for (const word of words.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && (last.length + 1 + word.length) * letters * LETTER <= pixels)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join("<br/>");
}

/**
 * A diagram with the settings by which it fills the width of the page and not more. Mermaid sets neighbours apart by the
 * longest words between them, and lets it touch both lines; so the words are broken here, to what the page has room for.
 */
export function fitted(text: string, isNarrow: boolean): string {
  const { page, box, letters } = isNarrow ? NARROW : WIDE;
  if (text.startsWith("sequenceDiagram")) {
    const names = [...text.matchAll(/^ *participant (\S+)/gm)].map(([, name]) => name);
    const apart = (page - box) / Math.max(1, names.length - 1);
    const settings = {
      fontSize: letters,
      sequence: { width: box, actorMargin: MARGIN, diagramMarginX: 2, boxMargin: 4 },
    };
    const lines = text.replace(/^( *(\S+?)--?>>(\S+?): )(.*)$/gm, (_, arrow, from, to, words) => {
      const hops = Math.abs(names.indexOf(from) - names.indexOf(to));
      return arrow + broken(words, hops === 0 ? box : hops * apart - 2 * AIR - MARGIN, letters);
    });
    return `%%{init: ${JSON.stringify(settings)}}%%\n${lines}`;
  }
  if (!isNarrow || !text.startsWith("flowchart LR")) return text;
  const flowchart = { wrappingWidth: 110, nodeSpacing: 24, rankSpacing: 36, padding: 10 };
  return `%%{init: ${JSON.stringify({ flowchart })}}%%\n${text.replace("flowchart LR", "flowchart TD")}`;
}

const NAMED = /^ *state "([^"]+)" as (\S+)$/gm;
const ARROW = /^ *(\S+) --> (\S+?)(?:: (.*))?$/;
/** How the picture names Mermaid's end. */
const END = "gone";

/** A state diagram as the table of its arrows, with the events in the order of the text; null for any other diagram. */
export function tableOf(text: string): Transitions | null {
  if (!text.startsWith("stateDiagram-v2")) return null;
  const names = new Map([...text.matchAll(NAMED)].map(([, name, short]) => [short, name as string]));
  const nameOf = (state: string): string => (state === "[*]" ? END : (names.get(state) ?? state));
  const arrows = text.split("\n").flatMap((line) => {
    const [, from, to, events] = ARROW.exec(line) ?? [];
    if (from === undefined || to === undefined || from === "[*]") return [];
    return [{ from: nameOf(from), to: nameOf(to), events: events?.split(", ") }];
  });
  const table: Record<string, Record<string, { to: string; do: readonly string[] }>> = {};
  for (const { from } of arrows) table[from] ??= {};
  for (const { from, to, events } of arrows) {
    // An arrow without an event only says that the conversation ends there.
    if (events === undefined) continue;
    table[to] ??= {};
    for (const event of events) Object.assign(table[from] as object, { [event]: { to, do: [] } });
  }
  return table;
}
