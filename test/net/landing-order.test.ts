import { mkdirSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { Landing } from "../../src/net/receiver/landing.ts";
import type { Incoming } from "../../src/net/receiver/part-file.ts";
import { content } from "../support/content.ts";
import { replaceFileMethod, watchCalls } from "../support/disk-faults.ts";
import { deliveryOf, incoming } from "../support/landings.ts";
import { Workspace } from "../support/workspace.ts";

/** The steps that calls of open files are, in the order in which they are over; the test adds its own. */
async function watched(names: { readonly [method in "datasync" | "sync" | "appendFile"]?: string }): Promise<string[]> {
  const steps: string[] = [];
  for (const [method, step] of Object.entries(names))
    await replaceFileMethod(
      method as keyof typeof names,
      (original) =>
        async function (...values) {
          const result = await original.apply(this, values);
          steps.push(step);
          return result;
        },
    );
  return steps;
}

test.each([100, 100 * 1024])(
  "content, journal, name, folder: each is on disk before the next, and the ack is last (%i bytes)",
  async (size) => {
    const work = new Workspace();
    const { port, events } = await work.serve();
    await work.send({ port, files: [work.write("a", content(size))] }).done;
    const steps = await watched({ datasync: "data on disk", sync: "names on disk", appendFile: "journal" });
    watchCalls("linkSync", () => steps.push("name"));
    watchCalls("unlinkSync", () => steps.push("part gone"));
    const receiver = work.receive({ port });
    void receiver.events.waitFor("landed").then(() => steps.push("landed"));
    await receiver.done;
    await events.waitFor("acked");
    expect(steps.splice(0, 1)).toEqual(["names on disk"]); // the folder itself, which was not there before
    // 1. content and name of the part, beside each other; what is large gets mode and time when all is written
    const contents = Array.from({ length: size > 64 * 1024 ? 2 : 1 }, () => "data on disk");
    expect(steps.splice(0, contents.length + 1).sort()).toEqual([...contents, "names on disk"]);
    expect(steps.slice(0, steps.indexOf("landed") + 1)).toEqual([
      ...["journal", "data on disk", "names on disk"], // 2. the intention, in a journal that has a name
      "name", // 3.
      "names on disk", // 4.
      "part gone", // 5. sooner, a power cut could keep this and not the name
      "landed",
    ]);
  },
);

test("where settling a file gives names in the folder, the folder is synced after it and before the journal speaks", async () => {
  const work = new Workspace();
  const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
  const steps = await watched({ sync: "names on disk", appendFile: "journal" });
  const part = work.write("part", "content");
  const file: Incoming = {
    ...{ part, offset: 7, isComplete: true, settlesNames: true, append: () => undefined, close: () => {} },
    delivery: { transfer: "0".repeat(32), name: "a" } as Incoming["delivery"],
    settle: async () => {
      for (let turn = 0; turn < 100; turn++) await setImmediate(); // a sync beside it would be over by now
      steps.push("named");
    },
  };
  expect(await landing.land([file])).toEqual([{ path: work.path("out", "a") }]);
  expect(steps.slice(0, 3)).toEqual(["named", "names on disk", "journal"]);
  await landing.close();
});

test("what a killed receiver had written is on disk before anything is added to it", async () => {
  const work = new Workspace();
  const bytes = content(300 * 1024);
  const folder = work.path("out");
  mkdirSync(folder);
  const first = await incoming(folder, deliveryOf(1, bytes), bytes.subarray(0, 100 * 1024));
  await first.close();
  const steps = await watched({ datasync: "data on disk" });
  const second = await incoming(folder, deliveryOf(1, bytes), bytes.subarray(0, 0));
  expect([second.offset, steps]).toEqual([100 * 1024, ["data on disk"]]);
  await second.close();
});
