/**
 * Colours of code as names that the style sheet defines, once for light and once for dark. So one theme serves both,
 * and a page that was rendered without knowing the reader's choice needs no script to look right.
 */
import type { PrismTheme } from "prism-react-renderer";

const colour = (name: string) => ({ color: `var(--code-${name})` });

export const codeTheme: PrismTheme = {
  plain: { color: "var(--code-plain)", backgroundColor: "var(--code-background)" },
  styles: [
    { types: ["comment", "prolog", "cdata"], style: { ...colour("comment"), fontStyle: "italic" } },
    { types: ["keyword", "important", "atrule", "rule", "boolean"], style: colour("keyword") },
    { types: ["string", "char", "attr-value", "template-string", "regex", "url"], style: colour("string") },
    { types: ["number", "constant", "symbol", "variable"], style: colour("number") },
    { types: ["function", "function-variable", "method", "title"], style: colour("function") },
    { types: ["class-name", "maybe-class-name", "builtin", "tag", "selector"], style: colour("type") },
    { types: ["property", "attr-name", "property-access", "parameter"], style: colour("property") },
    { types: ["punctuation", "operator", "entity"], style: colour("punctuation") },
    { types: ["inserted"], style: colour("string") },
    { types: ["deleted"], style: colour("keyword") },
  ],
};
