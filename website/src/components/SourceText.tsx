/** A file of the repository with numbered lines, each of which has an anchor. Readable without JavaScript. */
import useBrokenLinks from "@docusaurus/useBrokenLinks";
import { Highlight } from "prism-react-renderer";
import { codeTheme } from "../code-theme.ts";

const LANGUAGES: Readonly<Record<string, string>> = {
  md: "markdown",
  mjs: "js",
  cjs: "js",
  tsx: "tsx",
  ts: "ts",
  js: "js",
  yml: "yaml",
};

export function SourceText({ path, text }: { readonly path: string; readonly text: string }) {
  const brokenLinks = useBrokenLinks();
  const language = LANGUAGES[path.split(".").at(-1) ?? ""] ?? "bash";
  return (
    <Highlight theme={codeTheme} code={text.trimEnd()} language={language}>
      {({ tokens, getTokenProps }) => (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
        <pre className="source-text" tabIndex={0}>
          {tokens.map((line, index) => {
            const id = `L${index + 1}`;
            brokenLinks.collectAnchor(id);
            return (
              <span className="source-text-line" id={id} key={id}>
                <a className="source-text-number" href={`#${id}`} aria-label={`Line ${index + 1}`}>
                  {index + 1}
                </a>
                {line.map((token, at) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: the tokens of a line never change places.
                  <span key={at} {...getTokenProps({ token })} />
                ))}
                {"\n"}
              </span>
            );
          })}
        </pre>
      )}
    </Highlight>
  );
}
