/** Laws of tables on a phone: what fits stays a table, what does not becomes cards, and either has all of its words. */
import type { Element, ElementContent, Root } from "hast";
import { expect, it } from "vitest";
import { stackedTables } from "../plugins/stacked-tables.ts";

const element = (tagName: string, ...children: ElementContent[]): Element => ({
  type: "element",
  tagName,
  properties: {},
  children,
});
const row = (cell: "td" | "th", texts: readonly string[]): Element =>
  element("tr", ...texts.map((value) => element(cell, { type: "text", value })));

function tableOf(head: readonly string[], ...rows: readonly (readonly string[])[]): Element {
  const table = element(
    "table",
    element("thead", row("th", head)),
    element("tbody", ...rows.map((texts) => row("td", texts))),
  );
  const tree: Root = { type: "root", children: [table] };
  stackedTables()(tree);
  return table;
}

function all(node: Element, tagName: string): Element[] {
  const children = node.children.filter((child): child is Element => child.type === "element");
  return children.flatMap((child) => [...(child.tagName === tagName ? [child] : []), ...all(child, tagName)]);
}
const labels = (table: Element) => all(table, "td").map(({ properties }) => properties.dataLabel);

const LONG = "a sentence that goes on and on, and says in many words what could have been said in few";

it("a table that fits stays as it is", () => {
  const small = tableOf(["In state", "on", "goes to"], ["ready", "offer", "opening"]);
  expect([small.properties, labels(small)]).toEqual([{}, [undefined, undefined, undefined]]);
  expect(tableOf(["Name", "Means"], ["a", LONG]).properties).toEqual({});
});

it("a table that does not fit becomes cards: the first cell is the title, others have the head of their column", () => {
  const table = tableOf(["Name", "Takes", "Default"], ["host", LONG, LONG], ["tls", "", "false"]);
  expect(table.properties).toEqual({ className: ["stacks"], role: "table" });
  expect(labels(table)).toEqual([undefined, "Takes", "Default", undefined, "Takes", "Default"]);
});

it("a number is no title", () => {
  expect(labels(tableOf(["Code", "Means", "Errors"], ["0", LONG, LONG]))).toEqual(["Code", "Means", "Errors"]);
});

it("cards are a table still for those who hear it", () => {
  const table = tableOf(["Name", "Takes", "Default"], ["host", LONG, LONG]);
  const roles = (tagName: string) => [...new Set(all(table, tagName).map(({ properties }) => properties.role))];
  expect(["thead", "tbody", "tr", "th", "td"].map(roles)).toEqual([
    ["rowgroup"],
    ["rowgroup"],
    ["row"],
    ["columnheader"],
    ["cell"],
  ]);
});

it("words that are too long for their columns side by side make cards as well", () => {
  const word = "x".repeat(30);
  expect(tableOf(["One", "Two"], [word, word]).properties.className).toEqual(["stacks"]);
});
