/**
 * Comments of the sources as data: what stands above a file, a constant, a member of a table or a type.
 *
 * The comments of this project say units, bounds and reasons; the reference shows them instead of saying it a second
 * time. The compiler's parser reads them; no types are computed.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";

const root = resolve(__dirname, "../..");
const parsed = new Map<string, ts.SourceFile>();

export function sourceOf(path: string): ts.SourceFile {
  const known = parsed.get(path);
  if (known) return known;
  const text = readFileSync(resolve(root, path), "utf8");
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  parsed.set(path, file);
  return file;
}

/** The text of a comment without its stars; lines stay lines. */
function plainComment(comment: string): string {
  return comment
    .replace(/^\/\*\*?|\*\/$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trimEnd())
    .join("\n")
    .trim();
}

/** The doc comment directly above a node, or an empty text. */
export function commentOf(node: ts.Node): string {
  const text = node.getSourceFile().text;
  const ranges = ts.getLeadingCommentRanges(text, node.getFullStart()) ?? [];
  const last = ranges.filter(({ pos }) => text.startsWith("/**", pos)).at(-1);
  return last === undefined ? "" : plainComment(text.slice(last.pos, last.end));
}

/** The comment that opens a file: its contract. */
export function fileComment(path: string): string {
  const { text } = sourceOf(path);
  const [range] = ts.getLeadingCommentRanges(text, 0) ?? [];
  if (range === undefined) throw new Error(`${path} opens without a comment`);
  return plainComment(text.slice(range.pos, range.end));
}

export interface Member {
  readonly name: string;
  readonly comment: string;
  /** The value or the type, as it is written. */
  readonly text: string;
  /** Whether it may be left out. */
  readonly isOptional: boolean;
}

function declaration(path: string, name: string): ts.Statement | ts.VariableDeclaration {
  for (const statement of sourceOf(path).statements) {
    if (ts.isVariableStatement(statement)) {
      const found = statement.declarationList.declarations.find((each) => each.name.getText() === name);
      if (found) return found;
    } else if (
      (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) &&
      statement.name.text === name
    ) {
      return statement;
    }
  }
  throw new Error(`${path} declares no ${name}`);
}

/** The doc comment of a top-level constant, interface or type. */
export function declarationComment(path: string, name: string): string {
  const node = declaration(path, name);
  return commentOf(ts.isVariableDeclaration(node) ? node.parent.parent : node);
}

const nameOf = (name: ts.PropertyName): string => (ts.isStringLiteral(name) ? name.text : name.getText());

/**
 * The members of a constant object or an interface, in order. With `doShare`, values that follow each other in neighbouring lines under
 * one comment share it, as three bounds of one buffer do.
 */
export function membersOf(path: string, name: string, doShare = false): Member[] {
  const node = declaration(path, name);
  const members = ts.isVariableDeclaration(node) ? literalOf(node.initializer, name) : typeMembers(node);
  const file = sourceOf(path);
  let before = { comment: "", line: -2 };
  // What is spread into a table is declared elsewhere, and asked for there.
  const named = members.filter((member) => member.name !== undefined);
  return named.map((member) => {
    const first = file.getLineAndCharacterOfPosition(member.getStart()).line;
    const own = commentOf(member);
    const comment = own === "" && doShare && first === before.line + 1 ? before.comment : own;
    before = { comment, line: file.getLineAndCharacterOfPosition(member.getEnd()).line };
    const value = ts.isPropertyAssignment(member)
      ? member.initializer
      : ts.isPropertySignature(member)
        ? member.type
        : undefined;
    const isOptional = ts.isPropertySignature(member) && member.questionToken !== undefined;
    return { name: nameOf(member.name as ts.PropertyName), comment, text: value?.getText() ?? "", isOptional };
  });
}

/** Looks through `as const` and `satisfies`. */
function literalOf(node: ts.Expression | undefined, name: string): readonly ts.ObjectLiteralElementLike[] {
  let value = node;
  while (value && (ts.isAsExpression(value) || ts.isSatisfiesExpression(value))) value = value.expression;
  if (!value || !ts.isObjectLiteralExpression(value)) throw new Error(`${name} is not written as an object`);
  return value.properties;
}

function typeMembers(node: ts.Statement): readonly ts.TypeElement[] {
  if (!ts.isInterfaceDeclaration(node)) throw new Error(`${node.getText().slice(0, 60)} is not an interface`);
  return node.members.filter(ts.isPropertySignature);
}

/** The parts of a union type, each with the comment above it. */
export function unionOf(path: string, name: string): { readonly node: ts.TypeNode; readonly comment: string }[] {
  const node = declaration(path, name);
  if (!ts.isTypeAliasDeclaration(node as ts.Node) || !ts.isUnionTypeNode((node as ts.TypeAliasDeclaration).type)) {
    throw new Error(`${name} in ${path} is not a union`);
  }
  const text = sourceOf(path).text;
  return ((node as ts.TypeAliasDeclaration).type as ts.UnionTypeNode).types.map((part) => {
    // The comment of a part stands before the bar that leads to it.
    const bar = text.lastIndexOf("|", part.getStart());
    const above = text.slice(0, bar).trimEnd();
    const from = above.endsWith("*/") ? above.lastIndexOf("/**") : -1;
    const own = commentOf(part);
    return { node: part, comment: own !== "" ? own : from < 0 ? "" : plainComment(above.slice(from)) };
  });
}
