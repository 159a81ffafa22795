/** The minimal programs as people and scripts meet them. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Place } from "../support/process-program.ts";
import { MAIN } from "./programs.ts";

const DEMO = fileURLToPath(new URL("../../examples/demo.ts", import.meta.url));

test("what is wrong is said in one sentence, with the exit code of the full program", async () => {
  const place = new Place();
  const run = async (...words: string[]) => {
    const program = place.script(MAIN, words);
    return [await program.ended, program.stdout.trim()] as const;
  };
  const server = place.script(MAIN, ["serve", "--json", "--port", "0", "--spool", place.path("spool")]);
  const port = String((await server.seen("listening")).port);
  writeFileSync(place.path("file"), "content");

  expect(await run("serve", "--port", port, "--spool", place.path("other"))).toEqual([
    7,
    `error     cannot listen on localhost:${port} (EADDRINUSE); take another --port`,
  ]);
  expect(await run("serve", "--host", "0.0.0.0")).toEqual([
    7,
    "error     others can reach 0.0.0.0; filespool serve has tokens for that",
  ]);
  expect(await run("send", "--port", port, "missing", place.folder, "file")).toEqual([
    7,
    expect.stringMatching(
      /^stored {4}"file"\nerror {5}cannot use missing: no such file or directory \(ENOENT\)\nerror .* is no file; send a folder as a tar$/,
    ),
  ]);
  expect(await run("receive", "--port", port, "--output", place.path("file", "in"))).toEqual([
    7,
    expect.stringMatching(/^error {5}cannot use .*file\/in\S*: not a directory \(ENOTDIR\)$/),
  ]);

  // An operator of the full program hears that this server has none, and is not sent to fetch a token.
  const operator = place.start(["list", "--port", port]);
  expect(await operator.ended).toBe(4);
  expect(operator.stderr).toContain("this server has no operators");
  expect(operator.stderr).toContain("no token helps");
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(await run("receive", "--port", port)).toEqual([
    3,
    `error     no server answers at localhost:${port} (ECONNREFUSED); is it running?`,
  ]);
});

test("a pipe is sent under the name that it is given, and a name that is there is never overwritten", async () => {
  const place = new Place();
  const server = place.script(MAIN, ["serve", "--json", "--port", "0", "--spool", place.path("spool")]);
  const port = String((await server.seen("listening")).port);
  for (const text of ["one", "two"]) {
    writeFileSync(place.path("pipe"), text);
    const stdin = openSync(place.path("pipe"), "r");
    await place.run(place.script(MAIN, ["send", "--port", port, "--name", "notes.txt", "-"], { stdin }));
    closeSync(stdin);
  }
  const receiver = await place.run(
    place.script(MAIN, ["receive", "--json", "--port", port, "--output", place.path("in")]),
  );
  const landed = receiver.all("landed").map(({ path }) => path);
  expect(landed).toEqual([place.path("in", "notes.txt"), place.path("in", "notes (1).txt")]);
});

test("the demo kills the minimal server, compares every byte, and ends well", async () => {
  const place = new Place();
  const demo = await place.run(place.script(DEMO, ["--minimal"], { group: true }));
  expect(demo.stdout).toContain("SIGKILL to the server at ");
  expect(demo.stdout).toMatch(/sender +│ resumed +\S+ at [1-9]/);
  expect(demo.stdout.match(/identical/g)).toHaveLength(4);
  expect(demo.stdout).not.toMatch(/FAILED|DIFFERENT/);
});
