/** The library's pages: typedoc reads the code that users import, and its pages are named as they are imported. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const site = resolve(__dirname, "..");

/** Module as typedoc names it, the file it becomes, and what one writes to import it. */
const MODULES = [
  ["net", "filespool", "Server, sender and receiver for programs."],
  ["protocol", "filespool/protocol", "The protocol alone: pure, for browsers as well as for Node."],
] as const;

export function writeLibrary(folder: string): void {
  const out = resolve(site, ".docusaurus/typedoc");
  rmSync(out, { recursive: true, force: true });
  const program = resolve(site, "node_modules/typedoc/bin/typedoc");
  const words = [program, "--options", resolve(site, "typedoc.json"), "--out", out];
  execFileSync(process.execPath, words, { cwd: site, stdio: ["ignore", "ignore", "inherit"] });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const links: string[] = [];
  MODULES.forEach(([module, name, about], index) => {
    const text = readFileSync(resolve(out, `src/${module}.md`), "utf8").replace(/^# .*$/m, `# ${name}`);
    const head = `---\ntitle: ${JSON.stringify(name)}\ndescription: ${JSON.stringify(about)}\nsidebar_position: ${index + 1}\ntoc_max_heading_level: 3\n---\n\n`;
    writeFileSync(resolve(folder, `${module}.md`), head + text);
    links.push(`| [\`import ... from "${name}"\`](${module}.md) | ${about} |`);
  });
  const index = `---\ntitle: Library\ndescription: What a program can import.\nsidebar_position: 20\n---\n\n# Library\n\nThe command line is a thin shell around two modules. Whatever it can do, a program can do as well.\n\n| Import | What |\n|---|---|\n${links.join("\n")}\n`;
  writeFileSync(resolve(folder, "index.md"), index);
}
