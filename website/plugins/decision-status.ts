/**
 * Remark plugin for the decisions: status and date, which a decision carries as front matter, become the first line
 * under its title, where a reader sees them.
 */
import type { Heading, Paragraph, Root } from "mdast";
import type { VFile } from "vfile";

export function decisionStatus() {
  return (tree: Root, file: VFile): void => {
    const { status, date } = (file.data.frontMatter ?? {}) as { status?: string; date?: string | Date };
    if (status === undefined) return;
    const title = tree.children.findIndex((node) => node.type === "heading" && (node as Heading).depth === 1);
    const day = date instanceof Date ? date.toISOString().slice(0, 10) : date;
    const line: Paragraph = {
      type: "paragraph",
      data: { hProperties: { className: ["decision-status"], "data-status": status } },
      children: [
        { type: "strong", children: [{ type: "text", value: status }] },
        { type: "text", value: day === undefined ? "" : ` on ${day}` },
      ],
    };
    tree.children.splice(title + 1, 0, line);
  };
}
