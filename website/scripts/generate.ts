/**
 * Writes the reference from the code, before each start and build of the site. None of these pages is in git, so none of
 * them can be stale: what changes in src changes here, and what the reference has no words for stops the build.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { writeLibrary } from "./library.ts";
import { join, type Page, pageText, table } from "./markdown.ts";
import { commandLinePage, configurationPage } from "./pages/command-line.ts";
import { errorsPage, exitCodesPage } from "./pages/errors.ts";
import { eventsPage } from "./pages/events.ts";
import { limitsPage } from "./pages/limits.ts";
import { messagesPage } from "./pages/messages.ts";
import { metricsPage } from "./pages/metrics.ts";
import { statesPage } from "./pages/states.ts";
import { whereItRunsPage } from "./pages/where-it-runs.ts";
import { wirePage } from "./pages/wire.ts";
import { knowDecisions } from "./prose.ts";

const root = resolve(__dirname, "../..");
const folder = resolve(__dirname, "../docs/reference");

/** In the order of the menu. */
export const PAGES: readonly (() => Page | Promise<Page>)[] = [
  wirePage,
  messagesPage,
  statesPage,
  errorsPage,
  limitsPage,
  commandLinePage,
  configurationPage,
  exitCodesPage,
  eventsPage,
  metricsPage,
  whereItRunsPage,
];

/** Test vectors are offered for download, for whoever writes a client in another language. */
function copyVectors(): void {
  const target = resolve(__dirname, "../static/vectors");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(resolve(root, "test/vectors"))) {
    if (name.endsWith(".json")) copyFileSync(resolve(root, "test/vectors", name), resolve(target, name));
  }
}

/** Pages that are written by hand, or by another program. */
const OTHERS = [
  ["client.md", "Write a client", "The order of steps for a sender or a receiver in another language."],
  ["library/index.md", "Library", "What a program can import, and with which parameters."],
  ["glossary.md", "Glossary", "The words, one for each idea."],
] as const;

function indexText(pages: readonly Page[]): string {
  const rows = [...pages.map(({ name, title, about }) => [`${name}.md`, title, about] as const), ...OTHERS];
  const list = table(
    ["Page", "What it says"],
    rows.map(([file, title, about]) => [`[${title}](${file})`, about]),
  );
  const head = "---\nslug: /reference\ntitle: Reference\nsidebar_position: 1\n---\n\n# Reference";
  const text =
    "Everything here but the glossary and the steps of a client is made from the code when this site is built. A number, a field or a flag that changes there has changed here.";
  return `${join(head, text, list)}\n`;
}

async function main(): Promise<void> {
  knowDecisions(readdirSync(resolve(root, "adr")).filter((name) => /^\d{4}-/.test(name)));
  const pages = await Promise.all(PAGES.map((make) => make()));
  pages.forEach((page, index) => {
    writeFileSync(resolve(folder, `${page.name}.md`), pageText(page, index + 2));
  });
  writeFileSync(resolve(folder, "index.md"), indexText(pages));
  copyVectors();
  writeLibrary(resolve(folder, "library"));
  console.log(`Reference: ${PAGES.length} pages and the library, from the code.`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
