import { expect, test } from "vitest";
import { send } from "../../src/net/send.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { content, sha256 } from "../support/content.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

/** Names that look like "photos", or like each other, by what cannot be seen. */
const LOOK_ALIKES = ["photos ", "photos\u3164", "pho\u115ftos", "pho  tos", "\u1112\u1161\u11ab"];

/** A spool in which such queues have files, as one of an earlier version may. */
async function oldSpool(place: Place): Promise<void> {
  const spool = await LocalSpool.open({ folder: place.path("spool") });
  for (const [at, queue] of ["photos", ...LOOK_ALIKES].entries()) {
    const bytes = content(10, at);
    const about = { transfer: String(at).padStart(32, "0"), queue, name: `f${at}`, size: 10, algorithm: "sha256" };
    const answer = await spool.offer(about, { onDurable() {}, onSuperseded() {} });
    if (answer.kind !== "upload") throw new Error("it was there already");
    await answer.upload.append(0, [bytes]);
    await answer.upload.finish(sha256(bytes));
  }
  await spool.close();
}

test("nobody puts a file into a queue that looks like another: not by the command, and not by the library", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const file = writeSmall(place.path("a"), "a");
  for (const queue of LOOK_ALIKES) {
    const refused = await place.run(place.send(port, "--queue", queue, file), 2);
    expect(refused.stderr).toMatch(/--queue does not accept .*: it takes a queue name: visible letters/);
    const { failures, stored } = await send({ port, queue, files: [file] });
    expect([stored, failures.map(({ code }) => code)]).toEqual([0, ["name-refused"]]);
    expect(failures[0]?.message).toContain("so it looks like the name of another queue");
    expect(await place.start(["invite", "--queue", queue, "--spool", place.path("spool")]).ended).toBe(2);
  }
  const listed = await place.run(place.start(["list", "--json", "--port", String(port)]));
  expect(listed.all("queue")).toEqual([]);
});

test("what waits in such a queue since before can be seen, collected, purged and put back", async () => {
  const place = new Place();
  await oldSpool(place);
  const { port } = await place.serve("--max-failures", "1");
  const at = ["--port", String(port)];
  const listed = await place.run(place.start(["list", "--json", ...at]));
  expect(
    listed
      .all("queue")
      .map(({ queue }) => queue)
      .sort(),
  ).toEqual(["photos", ...LOOK_ALIKES].sort());
  // For people each has another look, and one that a shell takes.
  const table = (await place.run(place.start(["list", ...at]))).stdout;
  for (const shown of ["  photos\n", "  $'photos '\n", "  $'photos\\u3164'\n", "  $'pho\\u115ftos'\n"])
    expect(table).toContain(shown);
  const [first, second, third, fourth, fifth] = LOOK_ALIKES as [string, string, string, string, string];
  const all = await place.run(place.receive(port, "--queue", first));
  expect(all.all("landed").map(({ name }) => name)).toEqual(["f1"]);
  await place.run(place.start(["purge", second, "--yes", ...at]));
  await place.run(place.receive(port, "--queue", third, "--exec", "exit 1"), 7);
  const dead = await place.run(place.start(["dead", third, "--json", ...at]));
  expect(dead.all("transfer")).toMatchObject([{ name: "f3" }]);
  await place.run(place.start(["requeue", "--all", "--queue", third, ...at]));
  for (const queue of [third, fourth, fifth]) await place.run(place.receive(port, "--queue", queue));
  const left = await place.run(place.start(["list", "--json", ...at]));
  expect(left.all("queue").map(({ queue }) => queue)).toEqual(["photos"]);
});
