import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SETTING_NAMES, settingOf, variableOf } from "../../src/cli/settings/settings.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

/** A place with a server that has these files, and a folder to receive in. */
async function sent(...names: string[]) {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("from"));
  mkdirSync(place.path("w"));
  const paths = names.map((name) => writeSmall(place.path("from", name), name));
  if (paths.length > 0) await place.run(place.send(port, ...paths));
  return { place, port, cwd: place.path("w") };
}

test("a file whose name begins with a dash is an option to no command: {} and FILESPOOL_PATH are absolute", async () => {
  const { place, port, cwd } = await sent("--output=important.txt", "-rf", "--version");
  writeSmall(place.path("w/important.txt"), "precious");
  const words = ["receive", "--json", "--port", String(port), "--exec"];
  const script = 'sort {} && printf "%s\\n" {} "$FILESPOOL_PATH" >> ../seen';
  const run = await place.run(place.start([...words, script], { cwd }));
  expect(readFileSync(place.path("w/important.txt"), "utf8")).toBe("precious");
  const paths = ["--output=important.txt", "-rf", "--version"].map((name) => `${cwd}/${name}`);
  expect(readFileSync(place.path("seen"), "utf8")).toBe(paths.map((path) => `${path}\n${path}\n`).join(""));
  expect(run.all("landed").map(({ path }) => path)).toEqual(paths);
});

test("paths in --json are absolute at both ends, also of what fails; people see what they have typed", async () => {
  const { place, port, cwd } = await sent();
  writeSmall(place.path("w/a"), "a");
  mkdirSync(place.path("w/folder"));
  const to = ["--port", String(port)];
  const sender = await place.run(place.start(["send", "--json", ...to, "a", "none", "folder", "../w/a"], { cwd }), 7);
  expect(sender.all("offered").map(({ path }) => path)).toEqual([`${cwd}/a`, `${cwd}/folder`, `${cwd}/a`]);
  expect(sender.all("refused").map(({ path }) => path)).toEqual([`${cwd}/none`]);
  const people = await place.run(place.start(["send", ...to, "none"], { cwd }), 7);
  expect(people.stderr).toMatch(/^failed {4}cannot send none: there is no such file/);
  const receive = ["receive", "--yes", ...to, "--out", "in", "--count", "1"];
  expect((await place.run(place.start(receive, { cwd }))).stdout).toMatch(
    /^landed {4}in\/a, 1 B\nDone: 1 file landed in in;/,
  );
  const program = await place.run(place.start([...receive, "--json"], { cwd }));
  expect(program.all("landed").map(({ path }) => path)).toEqual([`${cwd}/in/folder`]);
});

test("what a receiver starts gets none of its secrets, whichever setting holds one", async () => {
  const { place, port, cwd } = await sent("a");
  const secrets = SETTING_NAMES.filter((name) => settingOf(name).secret).map(variableOf);
  expect(secrets).toEqual(expect.arrayContaining(["FILESPOOL_TOKEN", "FILESPOOL_INVITE"]));
  for (const [at, variable] of secrets.entries()) {
    const value = variable === "FILESPOOL_INVITE" ? `filespool://localhost:${port}/default#token=hunter2` : "hunter2";
    await place.run(place.send(port, "--again", place.path("from/a")));
    const env = { [variable]: value, UNRELATED: "stays" };
    const words = ["receive", "--port", String(port), "--exec", `env > ../env-${at}`, "--if-exists", "overwrite"];
    await place.run(place.start(words, { cwd, env }));
    const seen = readFileSync(place.path(`env-${at}`), "utf8");
    expect(seen).toMatch(/^UNRELATED=stays$/m);
    expect(seen).toMatch(/^FILESPOOL_NAME=a$/m);
    expect(seen).not.toMatch(/hunter2|FILESPOOL_(TOKEN|INVITE)/);
  }
});

test("dot files at the top of the folder get a letter in front, for hooks, events and policies alike", async () => {
  const { place, port, cwd } = await sent(".bashrc", "plain");
  const words = ["receive", "--json", "--port", String(port)];
  const hook = ["--exec", 'printf "%s %s\\n" {} "$FILESPOOL_NAME" >> ../seen'];
  const run = await place.run(place.start([...words, ...hook], { cwd }));
  expect(readdirSync(cwd).sort()).toEqual(["_.bashrc", "plain"]);
  expect(run.all("landed")).toMatchObject([{ name: ".bashrc", path: `${cwd}/_.bashrc` }, { name: "plain" }]);
  expect(readFileSync(place.path("seen"), "utf8")).toBe(`${cwd}/_.bashrc .bashrc\n${cwd}/plain plain\n`);
  await place.run(place.send(port, "--again", place.path("from/.bashrc")));
  expect((await place.run(place.start(words, { cwd }), 7)).all("refused")).toMatchObject([{ code: "file-exists" }]);
  await place.run(place.start([...words, "--allow-dotfiles"], { cwd }));
  await place.run(place.send(port, "--again", place.path("from/plain")));
  await place.run(place.start([...words, "--output", ".chosen"], { cwd }));
  expect(readdirSync(cwd).sort()).toEqual([".bashrc", ".chosen", "_.bashrc", "plain"]);
});

test("a receiver that was killed while a hook ran finds its dot file again, and lands it anew", async () => {
  const { place, port, cwd } = await sent(".bashrc");
  const words = ["receive", "--port", String(port), "--exec"];
  // It ends when the receiver has ended.
  const first = place.start([...words, "echo running; while kill -0 $PPID 2>&-; do sleep 0.1; done"], { cwd });
  await first.until(() => first.stdout.includes("running"));
  expect(readdirSync(cwd)).toContain("_.bashrc");
  await first.kill();
  const second = await place.run(place.start([...words, "true", "--json"], { cwd }));
  expect(second.all("landed")).toMatchObject([{ path: `${cwd}/_.bashrc` }]);
  expect(readdirSync(cwd)).toEqual(["_.bashrc"]);
});
