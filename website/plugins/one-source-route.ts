/**
 * One route in the browser for all pages of the sources.
 *
 * Docusaurus loads the table of all routes, and of the files behind each, with the first page. Nearly all of them are
 * sources, which few readers open, and whose pages need nothing but their own HTML. So the browser gets the three tables without
 * them: `/source` stands for all that lies below it. The routes that render the pages stay as they are.
 *
 * Knows how Docusaurus writes its tables, and refuses to go on when it does not find what it knows.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "browser-tables";

/** The routes of the browser: those below `top` are gone, and `top` takes their place. */
export function routesWithout(routes: string, top: string): string {
  const block = (path: string) =>
    new RegExp(
      `  \\{\\n    path: '${path}',\\n    component: ComponentCreator\\([^\\n]*\\),\\n    exact: true\\n  \\},?\\n`,
      "g",
    );
  const literal = top.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const without = routes.replace(block(`${literal}/[^'\\n]*`), "");
  let found = 0;
  const replaced = without.replace(block(literal), (entry) => {
    found++;
    return entry.replace("exact: true", "exact: false");
  });
  if (found !== 1 || replaced.includes(`'${top}/`))
    throw new Error(`the table of routes is not written as expected: ${top} cannot take the place of what is below it`);
  return replaced;
}

/** The files behind each route, without those below `top`, and for `top` without its data. */
export function chunkNamesWithout(chunkNames: string, top: string): string {
  const all = Object.entries(JSON.parse(chunkNames) as Record<string, Record<string, unknown>>);
  return JSON.stringify(
    Object.fromEntries(
      all
        .filter(([name]) => !name.startsWith(`${top}/`))
        .map(([name, { source, ...others }]) => [
          name,
          name.startsWith(`${top}-`) ? others : { ...others, ...(source !== undefined && { source }) },
        ]),
    ),
  );
}

/** The files that can be loaded, without the data of the plugin whose folder is named. */
export const registryWithout = (registry: string, dataFolder: string): string =>
  registry.replace(/^ {2}"[^"\n]+": \[.*\],/gm, (entry) =>
    entry.includes(`"${dataFolder}`) && !entry.includes("/__plugin.json") ? "" : entry,
  );

/** Which imports of the browser are to be replaced, and by what. Writes that, from the tables of this build. */
export function oneSourceRoute(generatedFolder: string, top: string, dataFolder: string) {
  const TABLES: Readonly<Record<string, (text: string) => string>> = {
    "routes.js": (text) => routesWithout(text, top),
    "routesChunkNames.json": (text) => chunkNamesWithout(text, top),
    "registry.js": (text) => registryWithout(text, dataFolder),
  };
  mkdirSync(join(generatedFolder, FOLDER), { recursive: true });
  for (const [name, change] of Object.entries(TABLES))
    writeFileSync(join(generatedFolder, FOLDER, name), change(readFileSync(join(generatedFolder, name), "utf8")));
  return {
    request: /^@generated\/(?:routes|routesChunkNames|registry)$/,
    replaced: (request: string) => request.replace("@generated/", `@generated/${FOLDER}/`),
  };
}
