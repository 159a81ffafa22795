/**
 * The look of Mermaid's diagrams: the colours and letters of the site, by name, so that they hold in both themes.
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

export const diagrams = {
  theme: { light: "neutral", dark: "dark" },
  options: {
    fontFamily: '"Source Sans 3 Variable", system-ui, sans-serif',
    themeCSS: Object.entries(rules)
      .map(([of, declarations]) => `${of} { ${meant(declarations)} }`)
      .join("\n"),
    // Words on an arrow break where the next column begins, so that the columns can be near each other.
    sequence: { wrap: true, actorMargin: 48, width: 130, messageMargin: 28, mirrorActors: false },
  },
} as const;
