/** A file of which each receiver dies, between two that are innocent: what real programs make of it. */
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Place, type Program } from "../support/process-program.ts";

/** Ends the receiver by the signal that nobody can handle, whenever it has that file. */
const DEADLY = 'case "$FILESPOOL_NAME" in poison) kill -9 $PPID;; esac';

test("receivers that are killed by a file see its attempts grow, it becomes a dead letter, and the others are collected", async () => {
  const place = new Place();
  const server = await place.serve("--max-failures", "2");
  for (const name of ["before", "poison", "after"]) writeFileSync(place.path(name), name);
  for (const name of ["before", "poison", "after"]) await place.run(place.send(server.port, place.path(name)));
  const attempts: number[] = [];
  let last: Program;
  for (;;) {
    last = place.receive(server.port, "--exec", DEADLY);
    const ending = await last.ended;
    const delivered = last.all("delivered").find(({ name }) => name === "poison");
    if (delivered) attempts.push(delivered.attempt);
    if (ending !== "SIGKILL") break;
    expect(attempts.length).toBeLessThan(10);
  }
  expect(await last.ended).toBe(0);
  expect(attempts).toEqual([1, 1, 1, 2]);
  expect(last.all("acked").map(({ name }) => name)).toEqual(["after"]);
  const dead = await place.run(place.start(["dead", "--json", "--port", String(server.port), "default"]));
  expect(dead.stdout).toMatch(/"name":"poison".*"reason":"its receiver vanished without a word/);
  expect(server.all("returned").filter(({ name }) => name !== "poison")).toEqual([]);
});
