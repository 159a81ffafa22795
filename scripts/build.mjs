/**
 * Builds what is published: src/ to dist/, or to a folder below that is named, as JavaScript with declarations and source
 * maps. The folder is emptied first, so that a file deleted from src/ cannot live on in the package. The command becomes
 * one script (bundle.mjs).
 *
 * tsc keeps the shebang of src/cli/filespool.cts but not the right to execute it, which npm sets for its own links only.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = process.argv[2] ?? join(root, "dist");
const command = join(dist, "cli/filespool.cjs");

rmSync(dist, { recursive: true, force: true });
const tsc = [`${root}node_modules/typescript/bin/tsc`, "-p", `${root}tsconfig.build.json`, "--outDir", dist];
const { status } = spawnSync(process.execPath, tsc, { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

if (!readFileSync(command, "utf8").startsWith("#!/usr/bin/env node\n")) {
  console.error(`${command} must begin with #!/usr/bin/env node, or the installed command cannot start.`);
  process.exit(1);
}
chmodSync(command, 0o755);
await bundle(dist);
