/**
 * The page of a file or a folder of the repository. What it shows is in its HTML, and nowhere else.
 *
 * Rendered with its text while the site is built, without it in the browser: a page that was loaded keeps what it
 * holds, and one that is reached by a link without a new page takes it out of the HTML at its address. So a file is
 * published once, as text that reads without JavaScript, and the first page of the site carries nothing for it.
 */
import { useLocation } from "@docusaurus/router";
import useBaseUrl from "@docusaurus/useBaseUrl";
import Layout from "@theme/Layout";
import { useEffect, useRef } from "react";
import { SourceNames } from "./SourceNames.tsx";
import { SourceText } from "./SourceText.tsx";
import { SourceTitle } from "./SourceTitle.tsx";

type Source =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly names: readonly string[] };

/** One object for all renderings: another one would be written into the page again, over what the page holds. */
const AS_LOADED = { __html: "" };

export default function SourcePage({ source }: { readonly source?: Source }) {
  const top = useBaseUrl("/source");
  const address = useLocation().pathname.replace(/\/$/, "");
  const name = address.slice(top.length + 1) || "Source";
  return (
    <Layout title={name} description={`${name}, as this site was built from it.`}>
      <main className="container source-page">
        {source === undefined ? (
          <FromPage key={address} address={address} />
        ) : (
          <div data-source="">
            <SourceTitle path={source.path} />
            {"text" in source ? <SourceText {...source} /> : <SourceNames {...source} />}
          </div>
        )}
      </main>
    </Layout>
  );
}

function FromPage({ address }: { readonly address: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element || element.childElementCount > 0) return;
    const ending = new AbortController();
    contentOf(address, ending.signal).then(
      (nodes) => {
        element.replaceChildren(...nodes);
        document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
      },
      () => {
        // An address without a page, or a network that is gone: loading the page again shows which of the two it is.
        if (!ending.signal.aborted) element.replaceChildren(lost(address));
      },
    );
    return () => ending.abort();
  }, [address]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: it is empty, and so leaves what was rendered.
  return <div ref={place} data-source="" suppressHydrationWarning dangerouslySetInnerHTML={AS_LOADED} />;
}

async function contentOf(address: string, signal: AbortSignal): Promise<ChildNode[]> {
  const response = await fetch(address, { signal });
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const content = page.querySelector("[data-source]");
  if (!content?.firstChild) throw new Error(`${address} holds no source`);
  return [...content.childNodes];
}

function lost(address: string): HTMLElement {
  const words = document.createElement("p");
  const again = document.createElement("a");
  again.href = address;
  again.textContent = "load the page again";
  words.setAttribute("role", "alert");
  words.append("This file could not be loaded; try to ", again, ".");
  return words;
}
