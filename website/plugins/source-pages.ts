/**
 * Docusaurus plugin: a page for each file of the repository that the site shows, and one for each folder.
 *
 * The text is taken as it is, so a link from a page or a decision leads to exactly the code that this site was built
 * from. Each line has an anchor, `#L12`. While the site is built these are routes as all others; the browser gets one
 * for all of them, by plugins/one-source-route.ts.
 */
import { readFileSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import type { LoadContext, Plugin } from "@docusaurus/types";
import { oneSourceRoute } from "./one-source-route.ts";
import { fileAddress, repositoryFolder, shownFiles } from "./repository.ts";

const NAME = "filespool-source-pages";

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

export function sourcePages({ baseUrl, generatedFilesDir }: LoadContext): Plugin {
  return {
    name: NAME,
    getPathsToWatch: () =>
      ["src", "test", "benchmarks", "examples"].map((name) => `${resolve(repositoryFolder, name)}/**/*.ts`),
    async contentLoaded({ actions: { addRoute, createData } }) {
      const add = async (path: string, address: string, data: object) => {
        const id = path.replaceAll("/", "--") || "top";
        const file = await createData(`${id}.json`, JSON.stringify(data));
        // By the alias, since the name of a module goes into what is published, and an absolute one names this machine.
        const source = `@generated/${relative(generatedFilesDir, file).split(sep).join("/")}`;
        const component = "@site/src/components/SourcePage.tsx";
        addRoute({ path: `${baseUrl}${address.slice(1)}`, component, modules: { source }, exact: true });
      };
      for (const [path, names] of foldersOf(shownFiles()))
        await add(path, `/source${path && `/${path}`}`, { path, names });
      for (const path of shownFiles())
        await add(path, fileAddress(path), { path, text: readFileSync(resolve(repositoryFolder, path), "utf8") });
    },
    configureWebpack: (_config, isServer, { currentBundler }) => {
      // The development server renders nothing beforehand, so there the browser needs every route and text.
      if (isServer || process.env.NODE_ENV !== "production") return {};
      const plugin = oneSourceRoute(generatedFilesDir, `${baseUrl}source`, `@generated/${NAME}/`);
      return {
        plugins: [
          new currentBundler.instance.NormalModuleReplacementPlugin(plugin.request, (resource) => {
            resource.request = plugin.replaced(resource.request);
          }),
        ],
      };
    },
  };
}
