/**
 * Docusaurus plugin: a page for each file of the repository that the site shows, and one for each folder.
 *
 * The text is taken as it is, so a link from a page or a decision leads to exactly the code that this site was built
 * from. Each line has an anchor, `#L12`.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { LoadContext, Plugin } from "@docusaurus/types";
import { fileAddress, repositoryFolder, shownFiles } from "./repository.ts";

/** Names in each folder: those of folders end in a slash. */
export function foldersOf(files: Iterable<string>): Map<string, string[]> {
  const folders = new Map<string, Set<string>>();
  for (const file of files) {
    const parts = file.split("/");
    for (let depth = 0; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      const names = folders.get(folder) ?? new Set();
      folders.set(folder, names.add(`${parts[depth]}${depth < parts.length - 1 ? "/" : ""}`));
    }
  }
  return new Map([...folders].map(([folder, names]) => [folder, [...names].sort()]));
}

export function sourcePages({ baseUrl }: LoadContext): Plugin {
  return {
    name: "filespool-source-pages",
    getPathsToWatch: () =>
      ["src", "test", "benchmarks", "examples"].map((name) => `${resolve(repositoryFolder, name)}/**/*.ts`),
    async contentLoaded({ actions: { addRoute, createData } }) {
      const add = async (path: string, address: string, component: string, data: object) => {
        const id = path.replaceAll("/", "--") || "top";
        const file = await createData(`${id}.json`, JSON.stringify(data));
        addRoute({ path: `${baseUrl}${address.slice(1)}`, component, modules: { source: file }, exact: true });
      };
      for (const [path, names] of foldersOf(shownFiles()))
        await add(path, `/source${path && `/${path}`}`, "@site/src/components/SourceFolder.tsx", { path, names });
      for (const path of shownFiles()) {
        const text = readFileSync(resolve(repositoryFolder, path), "utf8");
        await add(path, fileAddress(path), "@site/src/components/SourceFile.tsx", { path, text });
      }
    },
  };
}
