/** The programs of minimal/ as modules of the page: for the timeline, which runs them on simulated machines. adr/0113 */
import { resolve } from "node:path";
import type { LoadContext, Plugin } from "@docusaurus/types";
import { PROGRAMS } from "./simulated-machine.mjs";

export const timelinePrograms = ({ siteDir }: LoadContext): Plugin => ({
  name: "timeline-programs",
  configureWebpack: () => {
    const loader = resolve(siteDir, "plugins/simulated-machine.mjs");
    return { module: { rules: [{ test: PROGRAMS, enforce: "pre", use: [loader] }] } };
  },
});
