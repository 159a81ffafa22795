/** A file of the repository with numbered lines, each of which has an anchor. Readable without JavaScript. */
import useBrokenLinks from "@docusaurus/useBrokenLinks";
import Layout from "@theme/Layout";
import { Highlight } from "prism-react-renderer";
import { codeTheme } from "../code-theme.ts";
import { SourceTitle } from "./SourceTitle.tsx";

interface Props {
  readonly source: { readonly path: string; readonly text: string };
}

const LANGUAGES: Readonly<Record<string, string>> = {
  md: "markdown",
  mjs: "js",
  cjs: "js",
  tsx: "tsx",
  ts: "ts",
  js: "js",
  yml: "yaml",
};

export default function SourceFile({ source: { path, text } }: Props) {
  const brokenLinks = useBrokenLinks();
  const language = LANGUAGES[path.split(".").at(-1) ?? ""] ?? "bash";
  return (
    <Layout title={path} description={`The text of ${path}.`}>
      <main className="container source-page">
        <SourceTitle path={path} />
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
      </main>
    </Layout>
  );
}
