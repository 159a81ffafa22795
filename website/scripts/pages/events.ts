/** Events: what the library reports and `--json` prints, read from the types of the code. */
import ts from "typescript";
import { cell, code, join, type Page, table } from "../markdown.ts";
import { prose, sentences } from "../prose.ts";
import { declarationComment, fileComment, membersOf, sourceOf, unionOf } from "../source-comments.ts";

const EVENTS = "src/net/events.ts";

/** Where a name of a type leads: its node, when the same file declares it. */
function aliasOf(name: string): ts.TypeNode | ts.InterfaceDeclaration | null {
  for (const statement of sourceOf(EVENTS).statements) {
    if (ts.isTypeAliasDeclaration(statement) && statement.name.text === name) return statement.type;
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === name) return statement;
  }
  return null;
}

/** Fields of a type, as far as it is written in this file: literals, intersections, Partial and names. */
export function fieldsOf(node: ts.TypeNode | ts.InterfaceDeclaration, isOptional = false): string[] {
  if (ts.isTypeLiteralNode(node) || ts.isInterfaceDeclaration(node)) {
    return node.members
      .filter(ts.isPropertySignature)
      .map(({ name, questionToken }) => `${name.getText()}${isOptional || questionToken ? "?" : ""}`);
  }
  if (ts.isIntersectionTypeNode(node)) return node.types.flatMap((type) => fieldsOf(type, isOptional));
  if (ts.isTypeReferenceNode(node)) {
    const name = node.typeName.getText();
    const [first] = node.typeArguments ?? [];
    if (name === "Partial" && first) return fieldsOf(first, true);
    if ((name === "Readonly" || name === "Pick") && first) return fieldsOf(first, isOptional);
    const alias = aliasOf(name);
    if (alias) return fieldsOf(alias, isOptional);
  }
  throw new Error(`${EVENTS} has a type that the reference cannot read: ${node.getText()}`);
}

/** Members of the union: `Event<"name", Fields>`, `FileEvent<"name", Fields>`, or one wrapped in another generic. */
function rowOf(node: ts.TypeNode, comment: string): string[] {
  if (!ts.isTypeReferenceNode(node)) throw new Error(`${EVENTS} has an event that is no named type: ${node.getText()}`);
  const [name, fields] = node.typeArguments ?? [];
  if (!name || !ts.isLiteralTypeNode(name)) throw new Error(`${EVENTS} has an event without a name: ${node.getText()}`);
  const isAboutFile = node.typeName.getText().startsWith("File");
  const own = fields === undefined ? [] : fieldsOf(fields);
  const event = name.getText().replaceAll('"', "");
  const all = [...own.map(code), ...(isAboutFile ? ["*the file*"] : [])];
  return [code(event), all.join(", "), cell(sentences(comment))];
}

const rowsOf = (name: string) => unionOf(EVENTS, name).map(({ node, comment }) => rowOf(node, comment));

export function eventsPage(): Page {
  const head = ["Event", "Fields", "Notes"];
  const about = membersOf(EVENTS, "About").map(({ name, text, comment }) => [
    code(name),
    code(text),
    cell(sentences(comment)),
  ]);
  return {
    name: "events",
    title: "Events",
    about: "What the programs report while they run: to the user of the library, and with --json to a program.",
    from: [EVENTS, "src/cli/report/report.ts"],
    body: join(
      prose(fileComment(EVENTS)),
      "With `--json` each event is one object on one line of standard output, with its name in `event`. A field with a question mark may be missing.",
      "## The file",
      `${sentences(declarationComment(EVENTS, "About"))} *The file* in the tables below stands for these.`,
      table(["Field", "Type", "Means"], about),
      "## Of a sender or receiver",
      table(head, rowsOf("TransferEvent")),
      "## Of a server",
      table(head, rowsOf("ServerEvent")),
      "## How a run ends on the command line",
      prose(fileComment("src/cli/report/report.ts")),
    ),
  };
}
