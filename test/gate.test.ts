/** What runs when: every test has its place, what is left to the night is there at night, and what is left out may be. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { INPUTS, judge, remember, touching } from "../scripts/gate-inputs.ts";
import config from "../vitest.config.ts";
import { LONG_FORM } from "./long-form.ts";
import { filesOf, NEEDS_ITS_PROCESS, NIGHT, projectOf, reasons, testFiles } from "./projects.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

test("every test file is in one form and in one project, and in no second of either", () => {
  const all = (["change", "long", "night"] as const).flatMap((asked) => Object.values(filesOf(asked)).flat());
  expect([...all].sort()).toEqual(testFiles());
  expect(Object.values(filesOf("named")).flat().sort()).toEqual(testFiles());
  expect([...LONG_FORM, ...NIGHT].filter((path) => !testFiles().includes(path))).toEqual([]);
});

test("vitest runs the files of a change: those that share a process, and those that have one each", () => {
  const { projects = [] } = config.test ?? {};
  const made = projects.map(
    (project) => (project as { test: { name: string; include: string[]; isolate: boolean } }).test,
  );
  const { alone, shared } = filesOf("change");
  expect(made).toEqual([
    { name: "alone", include: alone, isolate: true },
    { name: "shared", include: shared, isolate: false },
  ]);
  // Sharing is the rule, or it would save nothing.
  expect(shared.length).toBeGreaterThan(alone.length);
});

test("a file that changes or measures its process has one for itself, also where a helper does it", () => {
  expect(projectOf("test/protocol/frame.test.ts")).toBe("shared");
  expect(projectOf("test/net/landing-names.test.ts")).toBe("alone");
  expect(read("test/net/failing-disk.test.ts")).not.toMatch(/syncBuiltinESMExports/);
  expect(reasons("test/net/failing-disk.test.ts")).toContain("Node's own modules are changed for everybody");
  // A reason that nobody has any more would hide that a word is misspelt.
  const given = new Set(testFiles().flatMap(reasons));
  expect(NEEDS_ITS_PROCESS.map(([, why]) => why).filter((why) => !given.has(why))).toEqual([]);
});

const GATES = { run: read(".ci/run"), night: read(".ci/nightly") };
const titlesOf = (script: string): string[] =>
  [...script.matchAll(/\b(?:gate|beside|night|vitest) "([^"]+)" \d/g)].map(([, title]) => title as string);

describe("the gate and the night", () => {
  test("what a change leaves to the night is named by the night itself, and each name is one of its gates", () => {
    const names = execFileSync(join(ROOT, ".ci/nightly"), ["--names"], { encoding: "utf8" }).trim().split("\n");
    expect(GATES.run).toContain(".ci/nightly --names");
    const before = ["install", "site packages", "build"];
    expect([...before, ...names]).toEqual(titlesOf(GATES.night));
    for (const mode of ["test:long", "test:night"]) expect(GATES.night).toContain(`npm run --silent ${mode}`);
  });

  test("every command that they run exists", () => {
    const scripts = (path: string) => Object.keys((JSON.parse(read(path)) as { scripts: object }).scripts);
    for (const [name, script] of Object.entries(GATES)) {
      for (const [, site, command] of script.matchAll(/npm (--prefix website )?run (?:--silent )?([\w:-]+)/g))
        expect(scripts(site ? "website/package.json" : "package.json"), name).toContain(command);
      for (const [path] of script.matchAll(/\bscripts\/[\w.-]+/g))
        expect(existsSync(join(ROOT, path)), path).toBe(true);
    }
  });

  test("every gate that runs beside others is judged", () => {
    const beside = [...GATES.run.matchAll(/\bbeside "([^"]+)"/g)].map(([, title]) => title);
    const judged = [...GATES.run.matchAll(/\bjudge "([^"]+)"/g)].map(([, title]) => title);
    const inLoop = /for title in (.*); do judge "\$title"/.exec(GATES.run)?.[1]?.match(/[^"]+(?=")/g) ?? [];
    for (const title of beside) expect([...judged, ...inLoop]).toContain(title);
  });

  test("a machine runs the night each night", () => {
    const workflows = readdirSync(join(ROOT, ".github/workflows")).map((name) => read(`.github/workflows/${name}`));
    expect(workflows.filter((text) => /schedule:/.test(text) && text.includes("./.ci/nightly"))).toHaveLength(1);
  });
});

describe("a gate that is left out", () => {
  test("has inputs that exist, asks before it is left out, and runs each night", () => {
    for (const [gate, inputs] of Object.entries(INPUTS)) {
      expect(inputs.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
      expect(GATES.run).toMatch(new RegExp(`^if .*runs "${gate}"; then$`, "m"));
    }
    expect(Object.keys(INPUTS)).toEqual(["containers", "site browser"]);
    for (const command of ["scripts/container-test", "npm --prefix website run --silent browser"])
      expect(GATES.night).toContain(command);
  });

  test("depends on all that the image is built from, and on what it is deployed with", () => {
    const copied = [...read("Dockerfile").matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths]) =>
      paths?.split(" "),
    );
    // Of the sources, those that a container relies on.
    const paths = copied.filter((path): path is string => path !== undefined && path !== "src");
    expect(paths.length).toBeGreaterThan(8);
    paths.push("Dockerfile", "compose.yaml", "deploy/compose.server.yaml", "scripts/container-test", "src/cli/main.ts");
    expect(paths.filter((path) => touching("containers", [path]).length === 0)).toEqual([]);
  });

  test("depends on all that the live pages import", () => {
    const folder = join(ROOT, "website/src");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
    const imported = files.flatMap((name) =>
      [...readFileSync(join(folder, name), "utf8").matchAll(/from "(\.[^"]+)"/g)].map(([, path]) =>
        join("website/src", dirname(name), path as string),
      ),
    );
    expect(imported.filter((path) => path.startsWith("src/")).length).toBeGreaterThan(10);
    const paths = [...imported, "website/docs/index.mdx", "website/test/browser/pages.browser.ts", ".ci/run"];
    expect(paths.filter((path) => touching("site browser", [path]).length === 0)).toEqual([]);
  });
});

/** A repository with one commit on its main branch. */
class Project {
  readonly folder = mkdtempSync(join(tmpdir(), "filespool-test-"));

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    this.git("init", "--quiet", "--initial-branch", "main");
    this.commit("README.md", "Dockerfile", "test/net/a.ts");
  }

  git(...words: string[]): string {
    const who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    return execFileSync("git", [...who, ...words], { cwd: this.folder, encoding: "utf8" });
  }

  write(path: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), String(Math.random()));
  }

  commit(...paths: string[]): void {
    for (const path of paths) this.write(path);
    this.git("add", "--all");
    this.git("commit", "--quiet", "--message", "a change");
  }

  /** What is said of the containers, without the reason. */
  get containers(): string | undefined {
    return judge(this.folder)[0]?.split(":")[0];
  }
}

describe("what has changed", () => {
  test("is what a branch has changed since it left the main one, committed or not", () => {
    const project = new Project();
    project.git("checkout", "--quiet", "-b", "topic");
    project.commit("test/net/a.ts");
    expect(project.containers).toBe("leave containers");
    project.write("deploy/new.yaml");
    expect(project.containers).toBe("run containers");
    project.commit();
    expect(project.containers).toBe("run containers");
    project.git("mv", "deploy/new.yaml", "elsewhere");
    project.commit();
    expect(project.containers).toBe("leave containers");
    project.git("mv", "Dockerfile", "moved");
    expect(project.containers).toBe("run containers");
  });

  test("is what has changed since a commit that passed, if nothing but that commit was tried", () => {
    const project = new Project();
    expect(project.containers).toBe("run containers");
    project.write("test/net/a.ts");
    remember(project.folder);
    expect(project.containers).toBe("run containers");
    project.commit();
    remember(project.folder);
    expect(project.containers).toBe("leave containers");
    project.commit("test/net/a.ts");
    expect(project.containers).toBe("leave containers");
    project.commit("src/cli/a.ts");
    expect(project.containers).toBe("run containers");
    // Another history, in which that commit is not.
    project.git("checkout", "--quiet", "--orphan", "other");
    project.commit("test/net/a.ts");
    expect(project.containers).toBe("run containers");
  });

  test("is not known without history, and then every gate runs", () => {
    const project = new Project();
    project.git("checkout", "--quiet", "-b", "topic");
    project.commit("test/net/a.ts");
    expect(project.containers).toBe("leave containers");
    project.git("clone", "--quiet", "--depth", "1", `file://${project.folder}`, "shallow");
    expect(judge(join(project.folder, "shallow"))[0]).toBe("run containers: the history here is shallow");
    mkdirSync(join(project.folder, "unpacked"));
    expect(judge(join(project.folder, "unpacked"))[0]).toBe("run containers: there is no history here");
    expect(judge(mkdtempSync(join(project.folder, "any-")))[1]).toBe("run site browser: there is no history here");
    project.git("checkout", "--quiet", "main");
    expect(judge(project.folder)[0]).toBe("run containers: nothing says where the change begins");
  });
});
