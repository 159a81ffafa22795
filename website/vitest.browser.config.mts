/** Tests of the built site in a real browser. Apart from the others, because they need both; `npm run docs:browser`. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/browser/**/*.browser.ts"],
    globalSetup: ["test/browser/serve.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // One opens the pages, the longest of them by far; the other does the rest.
    maxWorkers: 2,
    isolate: false,
    // Pages side by side, so that one is drawn while another waits.
    maxConcurrency: 3,
  },
});
