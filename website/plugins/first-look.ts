/**
 * What the live elements look like before, and without, their script: rendered into the page when the site is built.
 *
 * The server bundle gets the components, the browser gets an empty stand-in; so a page carries the picture of an
 * element and not the code that drew it, which is loaded when the element comes into view. Why: adr/0049.
 */
import { join } from "node:path";
import type { LoadContext, Plugin } from "@docusaurus/types";

/**
 * What more than one element is made of. Not the files of src/live itself and of first-look: each page with an element
 * holds those from the start, and would fetch all of the rest with them.
 */
const SHARED = /src[\\/](live[\\/](?!first-look)\w+|protocol|spool)[\\/].*\.(tsx?|json)$|[\\/]valibot[\\/]/;

export const firstLook = ({ siteDir }: LoadContext): Plugin => ({
  name: "first-look",
  configureWebpack: (_config, isServer) => {
    const file = isServer ? "server.tsx" : "browser.ts";
    const alias = { "@first-look": join(siteDir, "src/live/first-look", file) };
    if (isServer) return { resolve: { alias } };
    // What the elements share is a file of its own: in the common one it would come with the diagrams of other pages.
    const live = { name: "live", test: SHARED, chunks: "async", minChunks: 2, priority: 50, enforce: true } as const;
    return { resolve: { alias }, optimization: { splitChunks: { cacheGroups: { live } } } };
  },
});
