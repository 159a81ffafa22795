/**
 * The site as Docusaurus is told to build it: what is read from where, and what makes the build fail.
 *
 * What comes from outside this folder is read where it is: ../adr (the decisions), the READMEs of the folders of ../src
 * (under /code), ARCHITECTURE.md and CONTRIBUTING.md (each the text of a page), all sources (under /source, and in regions
 * of pages), and ../benchmarks/results (the numbers). A link, an anchor, a region or a number that leads nowhere fails the
 * build. Why so: adr/0047 and adr/0048.
 */

import type { PluginOptions } from "@docusaurus/plugin-content-docs";
import type { Config } from "@docusaurus/types";
import { boundNumbers } from "./plugins/bound-numbers.ts";
import { codeRegions } from "./plugins/code-regions.ts";
import { decisionStatus } from "./plugins/decision-status.ts";
import { firstLook } from "./plugins/first-look.ts";
import { namedTests } from "./plugins/named-tests.ts";
import { repositoryLinks } from "./plugins/repository-links.ts";
import { repositoryPage } from "./plugins/repository-page.ts";
import { sourcePages } from "./plugins/source-pages.ts";
import { stackedTables } from "./plugins/stacked-tables.ts";
import { timelinePrograms } from "./plugins/timeline-programs.ts";
import { codeTheme } from "./src/code-theme.ts";
import { diagrams } from "./src/diagrams.ts";

/** Run on the text as it was written, before Docusaurus makes links and files of it. */
const beforeDefaultRemarkPlugins = [repositoryPage, codeRegions, boundNumbers, namedTests, repositoryLinks];

/** Run on the page as it will be. */
const rehypePlugins = [stackedTables];

/** The faster half of Docusaurus, part by part, so that the one part that must not be on is seen to be off. */
const FASTER = {
  swcJsLoader: true,
  swcJsMinimizer: true,
  swcHtmlMinimizer: true,
  lightningCssMinimizer: true,
  mdxCrossCompilerCache: true,
  rspackBundler: true,
  ssgWorkerThreads: false,
  gitEagerVcs: false,
} as const;

/** What a folder's own entry in the menu leads to already is not listed in it again, at the end of what it begins. */
const sidebarItemsGenerator: PluginOptions["sidebarItemsGenerator"] = async ({
  defaultSidebarItemsGenerator,
  ...folder
}) =>
  (await defaultSidebarItemsGenerator(folder)).filter(
    (item) => !(item.type === "doc" && item.id === `${folder.item.dirName}/index`),
  );

const config: Config = {
  title: "Filespool",
  tagline: "Send a file now, collect it later, over plain TCP.",
  favicon: "img/favicon.svg",
  url: process.env.FILESPOOL_SITE_URL ?? "https://filespool.example",
  baseUrl: process.env.FILESPOOL_SITE_BASE ?? "/",
  onBrokenLinks: "throw",
  onBrokenAnchors: "throw",
  onDuplicateRoutes: "throw",
  markdown: {
    format: "detect",
    mermaid: true,
    hooks: { onBrokenMarkdownLinks: "throw", onBrokenMarkdownImages: "throw" },
  },
  // No cache from one build to the next: it knows the pages, not the sources and results that they are filled from.
  future: { v4: true, faster: { ...FASTER, rspackPersistentCache: false } },
  clientModules: ["./src/scrolling-tables.ts"],
  plugins: [
    [
      "@docusaurus/plugin-content-docs",
      {
        path: "docs",
        routeBasePath: "/",
        sidebarPath: "./sidebars.ts",
        sidebarItemsGenerator,
        beforeDefaultRemarkPlugins,
        rehypePlugins,
      },
    ],
    [
      "@docusaurus/plugin-content-docs",
      {
        id: "decisions",
        path: "../adr",
        routeBasePath: "decisions",
        sidebarPath: "./sidebars-decisions.ts",
        numberPrefixParser: false,
        beforeDefaultRemarkPlugins: [decisionStatus, ...beforeDefaultRemarkPlugins],
        rehypePlugins,
      },
    ],
    [
      "@docusaurus/plugin-content-docs",
      {
        id: "code",
        path: "../src",
        include: ["**/README.md"],
        routeBasePath: "code",
        sidebarPath: "./sidebars-code.ts",
        beforeDefaultRemarkPlugins,
        rehypePlugins,
      },
    ],
    ["@docusaurus/plugin-content-pages", { beforeDefaultRemarkPlugins, rehypePlugins }],
    sourcePages,
    firstLook,
    timelinePrograms,
  ],
  themes: [
    ["@docusaurus/theme-classic", { customCss: ["./src/css/frame.css", "./src/css/site.css"] }],
    "@docusaurus/theme-mermaid",
    [
      "@easyops-cn/docusaurus-search-local",
      {
        docsDir: ["docs", "../adr", "../src"],
        docsRouteBasePath: ["/", "decisions", "code"],
        indexBlog: false,
        hashed: "filename",
        highlightSearchTermsOnTargetPage: true,
        explicitSearchResultPath: true,
      },
    ],
  ],
  themeConfig: {
    colorMode: { respectPrefersColorScheme: true },
    docs: { sidebar: { hideable: true, autoCollapseCategories: true } },
    navbar: {
      title: "filespool",
      logo: { src: "img/logo.svg", srcDark: "img/logo-dark.svg", alt: "" },
      items: [
        { to: "/start", label: "Start" },
        { to: "/workshop", label: "Workshop" },
        { to: "/design", label: "Design" },
        { to: "/reference", label: "Reference" },
        { to: "/decisions", label: "Decisions" },
        { to: "/benchmarks", label: "Benchmarks" },
      ],
    },
    footer: {
      links: [
        { label: "Contributing", to: "/contributing" },
        { label: "Folders", to: "/code" },
        { label: "Source", to: "/source" },
        { label: "Glossary", to: "/reference/glossary" },
      ],
      copyright: "Filespool is free software under the MIT licence.",
    },
    mermaid: diagrams,
    prism: { theme: codeTheme, darkTheme: codeTheme, additionalLanguages: ["bash", "json"] },
  },
};

export default config;
