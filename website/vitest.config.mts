/** Tests of the site's own plugins and components; they need neither a browser nor a built site. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["test/**/*.test.{ts,tsx}", "src/**/*.test.{ts,tsx}"], maxWorkers: 2 },
});
