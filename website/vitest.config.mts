/** Tests of the site's own plugins and components; they need neither a browser nor a built site. */
import { defineConfig } from "vitest/config";
import { onMachine, PROGRAMS } from "./plugins/simulated-machine.mjs";

export default defineConfig({
  plugins: [
    {
      name: "timeline-programs",
      enforce: "pre",
      transform: (source, path) => (PROGRAMS.test(path) ? { code: onMachine(source), map: null } : null),
    },
  ],
  test: { include: ["test/**/*.test.{ts,tsx}", "src/**/*.test.{ts,tsx}"], maxWorkers: 2, testTimeout: 120_000 },
});
