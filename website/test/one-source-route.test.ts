/** Laws of the tables that the browser gets. */
import { describe, expect, it } from "vitest";
import { chunkNamesWithout, registryWithout, routesWithout } from "../plugins/one-source-route.ts";

const route = (path: string, hash: string, isLast = false) =>
  `  {\n    path: '${path}',\n    component: ComponentCreator('${path}', '${hash}'),\n    exact: true\n  }${isLast ? "" : ","}\n`;
const table = (...routes: string[]) => `export default [\n${routes.join("")}];\n`;

describe("the route at the top", () => {
  it("takes the place of all routes below it", () => {
    const routes = table(
      route("/a", "1"),
      route("/source", "2"),
      route("/source/x", "3"),
      route("/source/.ci/run", "4", true),
    );
    expect(routesWithout(routes, "/source")).toBe(
      table(route("/a", "1"), route("/source", "2").replace("exact: true", "exact: false")),
    );
  });

  it("leaves alone what only begins alike", () => {
    const routes = table(route("/source", "2"), route("/sources", "3"), route("/other/source/x", "4"));
    expect(routesWithout(routes, "/source")).toContain("'/sources'");
    expect(routesWithout(routes, "/source")).toContain("'/other/source/x'");
  });

  it.each([
    ["is absent", table(route("/a", "1"), route("/source/x", "3"))],
    ["is there twice", table(route("/source", "1"), route("/source", "2"))],
    ["is written in another way", table(route("/source", "1").replaceAll("'", '"'))],
    ["has a route below it that is written in another way", table(route("/source", "1"), "  {path: '/source/x'}\n")],
  ])("that %s stops the build", (_what, routes) => {
    expect(() => routesWithout(routes, "/source")).toThrow(/not written as expected/);
  });
});

it("the files behind routes lose those below the top, and the top its data", () => {
  const names = {
    "/a-1": { __comp: "c", content: "d" },
    "/source-2": { __comp: "s", source: "t" },
    "/source/x-3": { __comp: "s", source: "u" },
  };
  expect(JSON.parse(chunkNamesWithout(JSON.stringify(names), "/source"))).toEqual({
    "/a-1": { __comp: "c", content: "d" },
    "/source-2": { __comp: "s" },
  });
});

it("the files that can be loaded lose the data, wherever in the table it stands, and keep the plugin", () => {
  const line = (id: string, path: string) =>
    `  "${id}": [() => import(/* webpackChunkName: "${id}" */ "${path}"), "${path}", require.resolveWeak("${path}")],`;
  const [page, data, plugin, last] = [
    line("1", "@site/docs/a.md"),
    line("2", "@generated/sources/default/x.json"),
    line("3", "@generated/sources/default/__plugin.json"),
    line("4", "@generated/sources/default/y.json"),
  ];
  const left = registryWithout(`export default {\n${[page, data, plugin, last].join("\n")}};\n`, "@generated/sources/");
  expect(left.replace(/\n+/g, "\n")).toBe(`export default {\n${page}\n${plugin}\n};\n`);
});
