import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { completionScript } from "../../src/cli/commands/completion.ts";
import { COMMANDS } from "../../src/cli/commands/table.ts";
import { COMMAND_NAMES } from "../../src/cli/settings/command-names.ts";
import { settingsOn } from "../../src/cli/settings/settings.ts";
import { start } from "./environment.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "filespool-completion-"));
  for (const shell of ["bash", "zsh", "fish"]) writeFileSync(join(folder, shell), completionScript(shell, COMMANDS));
  mkdirSync(join(folder, "here/a folder"), { recursive: true });
  writeFileSync(join(folder, "here/a file.txt"), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where a shell is missing, its tests are skipped under a title that says so. */
const missing = (shell: string) => spawnSync(shell, ["-c", "exit"]).error !== undefined;
const shellTest = (shell: string) => (missing(shell) ? test.skip : test);
const run = (shell: string, script: string, args: string[] = []): string[] =>
  execFileSync(shell, ["-c", script, ...args], { cwd: join(folder, "here"), encoding: "utf8", timeout: 60_000 })
    .split("\n")
    .filter((line) => line !== "");

/** What each shell offers after these words, the last of which is being typed. */
const OFFERS: Readonly<Record<string, (words: string[]) => string[]>> = {
  // As bash does it: the function that `complete` has for the command, with the words in its variables.
  bash: (words) =>
    run(
      "bash",
      `source "$0"; f=$(complete -p filespool | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
       COMP_WORDS=(filespool "$@"); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); $f; printf '%s\\n' "\${COMPREPLY[@]}"`,
      [join(folder, "bash"), ...words],
    ),
  fish: (words) =>
    run("fish", `source ${join(folder, "fish")}; complete -C ${JSON.stringify(["filespool", ...words].join(" "))}`).map(
      (line) => (line.split("\t")[0] as string).replaceAll("\\", ""),
    ),
};

const CASES: readonly (readonly [words: string[], offered: string[]])[] = [
  [["rec"], ["receive"]],
  [["receive", "--if"], ["--if-exists"]],
  [
    ["receive", "--if-exists", "re"],
    ["refuse", "rename"],
  ],
  [["completion", "z"], ["zsh"]],
  [["receive", "--out", "a"], ["a folder"]],
  [["receive", "--port", ""], []],
  [["help", "ser"], ["serve"]],
  [["send", "--digest", "sha"], ["sha256"]],
];

describe.each(["bash", "fish"])("%s", (shell) => {
  shellTest(shell).each(CASES)("after %j it offers %j", (words, offered) => {
    const found = (OFFERS[shell]?.(words) ?? []).map((word) => word.replace(/\/$/, ""));
    expect(found.sort()).toEqual([...offered].sort());
  });

  shellTest(shell)("where files go, files are offered, also those with spaces", () => {
    const found = (OFFERS[shell]?.(["send", "a"]) ?? []).map((word) => word.replace(/\/$/, ""));
    expect(found.sort()).toEqual(["a file.txt", "a folder"]);
  });

  shellTest(shell)("every flag of every command is offered", () => {
    for (const name of COMMAND_NAMES) {
      const found = OFFERS[shell]?.([name, "--"]) ?? [];
      expect(found).toEqual(expect.arrayContaining(settingsOn(name).map((setting) => `--${setting}`)));
    }
  });
});

/**
 * What a person sees who presses TAB twice in zsh, at a terminal of its own (zpty). `marks` are ends of output that nobody
 * types; a key is only pressed when the answer to the one before it is there.
 */
function zshTab(typed: string): string {
  const script = `zmodload zsh/zpty; zpty z zsh -f -i
    expect() { local all= part; while zpty -r z part; do all+=$part; [[ $all == *$1* ]] && break; done; print -r -- "$all" }
    zpty -w z 'PS1=; PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -D -u'
    zpty -w z "source $0; zstyle ':completion:*' list-colors ''; LISTMAX=1000; COLUMNS=200"
    zpty -w z 'mark() { zle kill-whole-line; print MA""RK }; zle -N mark; bindkey "^Xm" mark; print REA""DY'
    expect READY > /dev/null
    zpty -w -n z "$1"$'\t\t\x18m'
    expect MARK; zpty -d z`;
  const args = ["-f", "-c", script, join(folder, "zsh"), typed];
  return execFileSync("zsh", args, { cwd: join(folder, "here"), encoding: "utf8", timeout: 60_000, env: ZSH_ENV });
}
const ZSH_ENV = { PATH: process.env.PATH, TERM: "dumb", HOME: tmpdir() };

shellTest("zsh").each([
  ["filespool rec", ["receive"]],
  ["filespool receive --if-exists re", ["refuse", "rename"]],
  ["filespool completion z", ["zsh"]],
  ["filespool receive --out a", ["folder"]],
  ["filespool send --digest sha", ["sha256"]],
])("zsh, with TAB pressed after %j, shows %j", (typed, shown) => {
  const seen = zshTab(typed);
  for (const word of shown) expect(seen).toContain(word);
  expect(seen).not.toContain("command not found");
});

shellTest("zsh")("zsh takes the script, and then completes the command by it", () => {
  const script = 'autoload -Uz compinit; compinit -D -u; source "$0"; print $_comps[filespool]; whence -w _filespool';
  expect(run("zsh", script, [join(folder, "zsh")])).toEqual(["_filespool", "_filespool: function"]);
});

test("the command prints the script, and refuses a shell that it does not know", async () => {
  const bash = start(folder, ["completion", "bash"]);
  expect([await bash.code, bash.stdout.text]).toEqual([0, completionScript("bash", COMMANDS)]);
  const other = start(folder, ["completion", "tcsh"]);
  expect(await other.code).toBe(2);
  expect(other.stderr.text).toContain("bash, zsh, fish");
});
