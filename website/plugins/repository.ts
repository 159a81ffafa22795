/**
 * Where the repository is, which of its files the site shows, and under which address.
 *
 * The one place that knows: the pages of the sources, the links to them, the regions and the reference all ask here.
 * A file that is not tracked by git does not exist for the site, so that what lies about on somebody's disk is
 * neither shown nor linked.
 */
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { posix, relative, resolve, sep } from "node:path";

/** The top of the repository. Docusaurus, the tests and the scripts all load this file from where it lies. */
export const repositoryFolder = resolve(__dirname, "../..");

/** Folders whose files are shown, and single files. */
const SHOWN_FOLDERS = [
  ...["src", "minimal", "test", "benchmarks", "scripts", "examples", "deploy", ".ci"],
  ...["ARCHITECTURE.md", "CONTRIBUTING.md", "website/README.md"],
];
const SHOWN_ENDINGS =
  /\.(?:[cm]?[jt]s|tsx|md|sh|ya?ml)$|^\.ci\/(?:run|nightly)$|^(?:test\/vectors|benchmarks\/results)\/[^/]+\.json$/;

let cached: ReadonlySet<string> | null = null;

/** Paths of all files that the site shows, relative to the top, with forward slashes, sorted. */
export function shownFiles(): ReadonlySet<string> {
  cached ??= new Set(listFiles().filter((path) => SHOWN_ENDINGS.test(path)));
  return cached;
}

/** Asks git; an unpacked archive has no git, and there everything that lies in the folders counts. */
function listFiles(): string[] {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = { cwd: repositoryFolder, encoding: "utf8", stdio: "pipe" };
    const arguments_ = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...SHOWN_FOLDERS];
    return execFileSync("git", arguments_, options).split("\0").filter(Boolean).sort();
  } catch {
    return SHOWN_FOLDERS.flatMap((shown) => {
      const path = resolve(repositoryFolder, shown);
      if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return existsSync(path) ? [shown] : [];
      const names = readdirSync(path, { recursive: true, encoding: "utf8" });
      return names.map((name) => posix.join(shown, name.split(sep).join("/")));
    }).sort();
  }
}

/** A path relative to the top of the repository, or null for one that lies outside. */
export function pathInRepository(absolute: string): string | null {
  const path = relative(repositoryFolder, absolute).split(sep).join("/");
  return path.startsWith("../") || path === ".." ? null : path;
}

/** The address of the page of a file. Docusaurus takes what ends in .md for a page that it wrote, so that goes. */
export const fileAddress = (path: string): string => `/source/${path.replace(/\.md$/, "")}`;

/** The address of the page that the README of a folder of src is: an instance of pages of its own (docusaurus.config.ts). */
export const codeAddress = (readme: string): string => readme.replace(/^src/, "/code").replace(/\/README\.md$/, "");

/** The address of the page that shows a file or a folder of the repository; null when the site does not show it. */
export function sourceAddress(path: string): string | null {
  const clean = path.replace(/\/$/, "");
  if (shownFiles().has(clean)) return fileAddress(clean);
  for (const file of shownFiles()) if (file.startsWith(`${clean}/`)) return `/source/${clean}`;
  return null;
}
