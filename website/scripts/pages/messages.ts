/** Messages: each control frame with its fields, as the schemas that check them say. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";
import { FRAMES } from "../../../src/protocol/frame.ts";
import { SCHEMAS } from "../../../src/protocol/messages.ts";
import { plain } from "../../plugins/units.ts";
import { cell, code, fence, join, type Page, table } from "../markdown.ts";
import { prose, sentences } from "../prose.ts";
import { commentOf, declarationComment, fileComment, membersOf, sourceOf } from "../source-comments.ts";
import { sendersOf } from "./states.ts";

const MESSAGES = "src/protocol/messages.ts";
const OPERATING = "src/protocol/operate-messages.ts";
const TABLES = [MESSAGES, OPERATING];
/** Where the rules of that file are on the site. */
const NAMES = "[names of files](wire.md#names-of-files)";
const FILES = [...TABLES, "src/protocol/fields.ts"];

/** The part of a schema's own description that the page shows. */
interface Schema {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly pipe?: readonly Rule[];
  readonly options?: readonly unknown[];
  readonly wrapped?: Schema;
  readonly item?: Schema;
}

type Rule = Schema & { readonly requirement?: unknown; readonly message?: unknown };

/** A rule of a pipe as a phrase. An unknown rule stops the generator: it must not be left out of the reference. */
function rule({ type, requirement, message }: Rule, of: string): string {
  const bound = typeof requirement === "number" ? plain(requirement) : "";
  switch (type) {
    case of:
      return "";
    case "max_length":
      return of === "array" ? `at most ${bound} of them` : `at most ${bound} UTF-16 code units`;
    case "min_length":
      return of === "array" ? `at least ${bound}` : `at least ${bound} UTF-16 code units`;
    case "min_value":
      return `at least ${bound}`;
    case "max_value":
      return `at most ${bound}`;
    case "integer":
      return "a whole number";
    case "safe_integer":
      return "a whole number, at most 2^53 - 1";
    // What reading makes of a value changes nothing about what may be on the wire.
    case "transform":
      return "";
    case "regex":
      return `matches ${code(String(requirement))}`;
    default:
      // A function of ours says nothing about itself, but it has a sentence for whom it refuses.
      if (type === "check" && typeof message === "string") return message;
      throw new Error(`${MESSAGES} has the rule "${type}", for which the reference has no words`);
  }
}

export function describe(schema: Schema): {
  readonly type: string;
  readonly rules: string;
  readonly isOptional: boolean;
} {
  if (schema.type === "optional") return { ...describe(schema.wrapped as Schema), isOptional: true };
  if (schema.type === "nullable") {
    const wrapped = describe(schema.wrapped as Schema);
    return { ...wrapped, type: `${wrapped.type} or null` };
  }
  const rules = (schema.pipe ?? []).map((each) => rule(each, schema.type)).filter(Boolean);
  if (schema.type === "picklist")
    rules.push((schema.options ?? []).map((word) => code(JSON.stringify(word))).join(" or "));
  if (schema.type === "array") {
    const item = describe(schema.item as Schema);
    return {
      type: `array of ${item.type}`,
      rules: [...rules, item.rules && `each: ${item.rules}`].filter(Boolean).join("; "),
      isOptional: false,
    };
  }
  if (!["string", "number", "boolean", "picklist"].includes(schema.type)) {
    throw new Error(`${MESSAGES} has a field of the type "${schema.type}", for which the reference has no words`);
  }
  return { type: schema.type === "picklist" ? "string" : schema.type, rules: rules.join("; "), isOptional: false };
}

/** What a file says about a constant; nothing when it is declared in another one. */
function constantComment(name: string): string {
  for (const file of FILES) {
    try {
      const comment = declarationComment(file, name);
      if (comment !== "") return comment;
    } catch {
      // Declared in another of the files, or nowhere above a comment.
    }
  }
  return "";
}

/** What a limit of the same name says: `welcome` tells those of its server, and a second sentence about them would be one too many. */
const limitComments: ReadonlyMap<string, string> = new Map(
  [...membersOf("src/protocol/limits.ts", "LIMITS", true), ...membersOf("src/spool/contract.ts", "SpoolLimits")].map(
    ({ name, comment }) => [name, comment],
  ),
);

/** Comments on fields of one message, where there are some; a field without one has that of the constant it is made of. */
function fieldComments(message: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const takeAll = (fields: ts.Expression | undefined, file: string): void => {
    if (fields && ts.isIdentifier(fields)) {
      for (const { name, comment } of membersOf(file, fields.text, true)) if (comment !== "") found.set(name, comment);
    }
    if (!fields || !ts.isObjectLiteralExpression(fields)) return;
    const lineOf = (at: number) => sourceOf(file).getLineAndCharacterOfPosition(at).line;
    let before = { comment: "", line: -2 };
    for (const field of fields.properties) {
      if (ts.isSpreadAssignment(field)) {
        takeAll(field.expression, file);
        continue;
      }
      const constant = ts.isPropertyAssignment(field) ? field.initializer : field.name;
      const shared = constant && ts.isIdentifier(constant) ? constantComment(constant.text) : "";
      // Fields that follow each other in neighbouring lines under one comment share it.
      const above = lineOf(field.getStart()) === before.line + 1 ? before.comment : "";
      const own = commentOf(field) || (shared ? "" : above);
      const comment = own || shared;
      before = { comment: own, line: lineOf(field.getEnd()) };
      if (field.name && comment) found.set(field.name.getText(), comment);
    }
  };
  const visit = (node: ts.Node, file: string): void => {
    const isMessage = ts.isPropertyAssignment(node) && node.name.getText() === message;
    if (isMessage && ts.isCallExpression(node.initializer) && node.initializer.expression.getText() === "v.object") {
      takeAll(node.initializer.arguments[0], file);
    }
    ts.forEachChild(node, (child) => visit(child, file));
  };
  for (const file of TABLES) visit(sourceOf(file), file);
  return found;
}

interface Vector {
  readonly type: string;
  readonly body?: object;
}

export function messagesPage(): Page {
  const { frames }: { frames: readonly Vector[] } = JSON.parse(
    readFileSync(resolve(__dirname, "../../../test/vectors/frames.json"), "utf8"),
  );
  const comments = new Map(
    [...membersOf(MESSAGES, "SCHEMAS"), ...membersOf(OPERATING, "OPERATE_SCHEMAS")].map(({ name, comment }) => [
      name,
      comment,
    ]),
  );
  const parts = Object.entries(SCHEMAS).map(([name, schema]) => {
    const entries = Object.entries((schema as unknown as Schema).entries ?? {});
    const notes = fieldComments(name);
    const rows = entries.map(([field, each]) => {
      const { type, rules, isOptional } = describe(each);
      return [
        code(field),
        isOptional ? `${type}, may be missing` : type,
        rules,
        cell(sentences(notes.get(field) ?? limitComments.get(field) ?? "").replace(/\bnames\.ts\b/, NAMES)),
      ];
    });
    const hasNotes = rows.some((row) => row[3] !== "");
    const example = frames.find(({ type }) => type === name)?.body;
    return join(
      `## ${name}`,
      `Type \`0x${FRAMES[name as keyof typeof FRAMES].toString(16).padStart(2, "0")}\`; sent by: ${sendersOf(name)}.`,
      sentences(comments.get(name) ?? ""),
      rows.length === 0
        ? "It has no fields; its payload is `{}`."
        : table(
            ["Field", "Type", "Must be", ...(hasNotes ? ["Means"] : [])],
            hasNotes ? rows : rows.map((row) => row.slice(0, 3)),
          ),
      example === undefined || rows.length === 0 ? "" : fence("json", JSON.stringify(example, null, 2)),
    );
  });
  return {
    name: "messages",
    title: "Messages",
    about: "The JSON objects of the control frames, field by field.",
    from: [...FILES, "test/vectors/frames.json"],
    body: join(
      prose(fileComment(MESSAGES)),
      "A field that is not listed here is ignored. One that is listed and missing, or not as it must be, ends the connection with [`message-invalid`](errors.md#message-invalid). The order of fields means nothing. In which order frames may follow each other is in [States](states.md).",
      ...parts,
    ),
  };
}
