import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stale } from "../scripts/generate.ts";
import { EXIT, EXIT_CODES } from "../src/cli/exit-codes.ts";
import { COMMAND_NAMES } from "../src/cli/settings/command-names.ts";
import { settingsOn } from "../src/cli/settings/settings.ts";

const PAGE = new URL("../man/filespool.1", import.meta.url).pathname;
const has = (program: string) => spawnSync(program, ["--version"]).error === undefined;

test("what is made of the tables is what they make now", () => {
  expect(stale(), "run: npm run generate").toEqual([]);
});

test("the manual page has every setting, every command and every exit code", () => {
  const page = readFileSync(PAGE, "utf8").replaceAll("\\-", "-");
  for (const name of COMMAND_NAMES) {
    expect(page).toContain(`filespool ${name}`);
    for (const setting of settingsOn(name)) expect(page).toContain(`--${setting}`);
  }
  expect(EXIT_CODES.map(({ code }) => code)).toEqual(Object.values(EXIT));
  for (const { code } of EXIT_CODES) expect(page).toContain(`\\fB${code}\\fR`);
});

test.skipIf(!has("mandoc"))("mandoc finds nothing wrong with the manual page", () => {
  const { stdout } = spawnSync("mandoc", ["-Tlint", PAGE], { encoding: "utf8" });
  // A date would be that of the last change of a table, which nobody knows.
  const found = stdout
    .split("\n")
    .filter((line) => line !== "" && !/missing date|referenced manual not found/.test(line));
  expect(found).toEqual([]);
});

test.skipIf(!has("man")).each([60, 100])("man shows it at %d columns, with nothing cut off", (columns) => {
  const env = { ...process.env, MANWIDTH: String(columns), MANPAGER: "cat", LC_ALL: "C.UTF-8" };
  const { stdout, stderr } = spawnSync("man", ["--warnings", "-l", PAGE], { encoding: "utf8", env });
  expect(stderr).toBe("");
  expect(stdout).toContain("EXIT STATUS");
  expect(stdout.split("\n").filter((line) => line.length > columns + 30)).toEqual([]);
});
