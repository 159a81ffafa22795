/**
 * Makes `npm run demo` and `npm test` work in a fresh clone: runs `npm ci` when what is installed is not what
 * package-lock.json asks for. Plain JavaScript without imports from node_modules, because it runs before there is one.
 *
 * npm leaves a list of what it installed in node_modules/.package-lock.json. Comparing versions rather than file
 * dates means that a checkout which merely touches the lock file costs nothing.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The top of the repository, or the folder below it that was named: website/ has packages of its own. */
const root = fileURLToPath(new URL(`../${process.argv[2] ? `${process.argv[2]}/` : ""}`, import.meta.url));

function packagesIn(lockFile) {
  try {
    return JSON.parse(readFileSync(root + lockFile, "utf8")).packages;
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/** Optional packages are left out: which of them are installed depends on the operating system. */
function isInstalled(wanted, present) {
  if (present === null) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional || present[path]?.version === version,
  );
}

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Filespool needs Node 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}

if (!isInstalled(packagesIn("package-lock.json"), packagesIn("node_modules/.package-lock.json"))) {
  console.error("Installing the packages that package-lock.json names (npm ci) ...");
  const npm = process.env.npm_execpath;
  const arguments_ = ["ci", "--no-audit", "--no-fund"];
  const result = npm?.endsWith(".js")
    ? spawnSync(process.execPath, [npm, ...arguments_], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", arguments_, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (result.error) throw result.error;
  process.exit(result.status ?? 1);
}
