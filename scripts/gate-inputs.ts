/**
 * Which gates of `.ci/run` may be left out, since nothing that they depend on has changed: `tsx scripts/gate-inputs.ts`.
 *
 * For each gate with inputs it prints a line: "leave TITLE: why", or "run TITLE: why". What has changed is what Git says,
 * from where this branch left the main one, or from the last commit that passed here; what is not committed counts. Where
 * that cannot be known (no Git, a shallow clone, no main branch), every gate runs. `--passed` remembers this commit.
 *
 * Only gates that are expensive and look at something narrow are here. All others always run. Why: adr/0110.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** What decides about gates: when it changes, they all run. */
const DECIDES = [".ci/", "scripts/gate-inputs.ts"];

/** Paths that a gate depends on, by its title; one that ends with "/" is a folder with everything in it. */
export const INPUTS: Readonly<Record<string, readonly string[]>> = {
  containers: [
    ...["Dockerfile", ".dockerignore", "compose.yaml", "deploy/", "scripts/container-test"],
    // What the image is made of and built with.
    ...["package.json", "package-lock.json", ".npmrc", "tsconfig.json", "tsconfig.build.json", "LICENSE", "README.md"],
    ...["scripts/ensure-installed.mjs", "scripts/build.mjs", "scripts/bundle.mjs"],
    // Of the program what a container relies on: flags and variables, signals and exit codes, health. How files are sent
    // and kept is the same inside of it, and tried by all other tests.
    ...["src/cli/", "src/net/extensions/observe/"],
  ],
  "site browser": [
    ...["website/", "minimal/"],
    // What the live elements and figures are made of.
    ...["src/protocol/", "src/disk/", "src/spool/contract.ts", "src/spool/files.ts"],
    ...["src/spool/memory/", "src/spool/memory-spool.ts", "CONTRIBUTING.md", "ARCHITECTURE.md"],
    ...["test/vectors/", "benchmarks/results/"],
  ],
};

const isBelow = (path: string, input: string): boolean =>
  input.endsWith("/") ? path.startsWith(input) : path === input;

/** Those of the paths that make a gate run. */
export const touching = (gate: string, paths: readonly string[]): string[] =>
  paths.filter((path) => [...DECIDES, ...(INPUTS[gate] ?? [])].some((input) => isBelow(path, input)));

const MAIN_BRANCHES = ["origin/main", "main"];
const PASSED = "filespool-gate-passed";

class Repository {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** What Git prints; null when it fails, or is not here. */
  git(...words: string[]): string | null {
    // Paths as they are, also those with letters that Git would write as numbers.
    const all = ["-c", "core.quotePath=false", ...words];
    const { status, stdout } = spawnSync("git", all, { cwd: this.#root, encoding: "utf8", maxBuffer: 2 ** 26 });
    return status === 0 ? stdout.trimEnd() : null;
  }

  /** Where the commit that passed last is written down; a file of this clone, which nobody else gets. */
  get #passedFile(): string {
    return resolve(this.#root, this.git("rev-parse", "--git-path", PASSED) ?? "");
  }

  /** The commit to compare with, or why there is none. */
  #base(): { commit: string; name: string } | string {
    const top = this.git("rev-parse", "--show-toplevel");
    // A tarball that was unpacked somewhere below another repository has none of its own.
    if (top === null || realpathSync(top) !== realpathSync(this.#root)) return "there is no history here";
    if (this.git("rev-parse", "--is-shallow-repository") !== "false") return "the history here is shallow";
    const head = this.git("rev-parse", "HEAD");
    if (head === null) return "there is no commit here";
    const passed = existsSync(this.#passedFile) ? readFileSync(this.#passedFile, "utf8").trim() : null;
    if (passed !== null && this.git("merge-base", "--is-ancestor", passed, "HEAD") !== null)
      return { commit: passed, name: `${passed.slice(0, 10)}, which passed` };
    for (const main of MAIN_BRANCHES) {
      const commit = this.git("merge-base", "HEAD", main);
      // On the main branch itself nothing says where the change begins.
      if (commit !== null && commit !== head) return { commit, name: `where this branch left ${main}` };
    }
    return "nothing says where the change begins";
  }

  /** Paths that differ from the base, and its name; or why that is not known. */
  changes(): { paths: string[]; since: string } | string {
    const base = this.#base();
    if (typeof base === "string") return base;
    // Both names of a file that was moved.
    const changed = this.git("diff", "--name-only", "--no-renames", base.commit);
    const untracked = this.git("ls-files", "--others", "--exclude-standard");
    if (changed === null || untracked === null) return "Git cannot compare";
    return { paths: `${changed}\n${untracked}`.split("\n").filter((path) => path !== ""), since: base.name };
  }

  /** Remembers this commit, if it is all there was. */
  remember(): void {
    const head = this.git("rev-parse", "HEAD");
    if (head !== null && this.git("status", "--porcelain") === "") writeFileSync(this.#passedFile, `${head}\n`);
  }
}

/** A line for each gate that has inputs. */
export function judge(root: string): string[] {
  const changes = new Repository(root).changes();
  return Object.keys(INPUTS).map((gate) => {
    if (typeof changes === "string") return `run ${gate}: ${changes}`;
    const [first, ...others] = touching(gate, changes.paths);
    if (first === undefined)
      return `leave ${gate}: ${changes.paths.length} other paths have changed since ${changes.since}`;
    return `run ${gate}: ${first}${others.length > 0 ? ` and ${others.length} more` : ""} changed since ${changes.since}`;
  });
}

/** Remembers the commit of a repository as one that has passed. */
export const remember = (root: string): void => new Repository(root).remember();

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = join(import.meta.dirname, "..");
  if (process.argv.includes("--passed")) remember(root);
  else for (const line of judge(root)) console.log(line);
}
