/**
 * The few pieces of Markdown that the generated pages are made of. Cells are escaped here and nowhere else, so that a bar
 * or an angle bracket in a comment of the code cannot break a table.
 */

/** A page of the reference: the name of its file, and its text without front matter. */
export interface Page {
  readonly name: string;
  readonly title: string;
  /** One sentence for search engines and the index of the reference. */
  readonly about: string;
  /** Paths of the files that it is generated from, for the line at its end. */
  readonly from: readonly string[];
  readonly body: string;
  /** Its tables need the whole width, more than it needs a list of its few headings. */
  readonly isWide?: boolean;
}

/** Text as it stands, for a cell: no line breaks, and what Markdown or HTML would take for its own is escaped. */
export const cell = (text: string): string =>
  text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll("<", "&lt;").replaceAll("*", "\\*")))
    .join("")
    .replaceAll("|", "\\|")
    .replace(/\s*\n\s*/g, " ")
    .trim();

/** Code for a cell. A bar ends a cell even in code. */
export const code = (text: string): string => (text === "" ? "" : `\`${text.replaceAll("|", "\\|")}\``);

/** Rows are Markdown already: by `cell` or `code`. Nothing at all for no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export const fence = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

/** Parts of a page, a blank line between each. */
export const join = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join("\n\n");

/** The whole file, with where it comes from at the end: whoever finds a mistake must know what to change. */
export function pageText({ title, about, from, body, isWide }: Page, position: number): string {
  const links = from.map((path) => `[${path}](../../../${path})`).join(", ");
  const head = `---\ntitle: ${JSON.stringify(title)}\ndescription: ${JSON.stringify(about)}\nsidebar_position: ${position}\n${isWide ? "hide_table_of_contents: true\n" : ""}---`;
  return `${join(head, `# ${title}`, body, `*Generated from ${links}.*`)}\n`;
}
