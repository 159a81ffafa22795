import { expect, test } from "vitest";
import { content } from "../support/content.ts";
import { replaceFileMethod, watchCalls } from "../support/disk-faults.ts";
import { Workspace } from "../support/workspace.ts";

test.each([100, 100 * 1024])(
  "content, journal, name, folder: each is on disk before the next, and the ack is last (%i bytes)",
  async (size) => {
    const work = new Workspace();
    const { port, events } = await work.serve();
    await work.send({ port, files: [work.write("a", content(size))] }).done;
    const steps: string[] = [];
    const watch = (method: "datasync" | "sync" | "appendFile", step: string) =>
      replaceFileMethod(
        method,
        (original) =>
          async function (...values) {
            const result = await original.apply(this, values);
            steps.push(step);
            return result;
          },
      );
    await watch("datasync", "data on disk");
    await watch("sync", "names on disk");
    await watch("appendFile", "journal");
    watchCalls("linkSync", () => steps.push("name"));
    watchCalls("unlinkSync", () => steps.push("part gone"));
    const receiver = work.receive({ port });
    void receiver.events.waitFor("landed").then(() => steps.push("landed"));
    await receiver.done;
    await events.waitFor("acked");
    expect(steps.splice(0, 1)).toEqual(["names on disk"]); // the folder itself, which was not there before
    expect(steps.splice(0, 2).sort()).toEqual(["data on disk", "names on disk"]); // 1. content and name of the part, beside each other
    expect(steps.slice(0, steps.indexOf("landed") + 1)).toEqual([
      ...["journal", "data on disk", "names on disk"], // 2. the intention, in a journal that has a name
      "name", // 3.
      "names on disk", // 4.
      "part gone", // 5. sooner, a power cut could keep this and not the name
      "landed",
    ]);
  },
);
