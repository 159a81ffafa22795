import { expect, test } from "vitest";
import { OutOfDescriptors } from "../../src/net/extensions/observe/out-of-descriptors.ts";
import { diskError, replaceSync } from "../support/disk-faults.ts";

test("running out of descriptors is said once, and again when it comes back", () => {
  let code: string | null = null;
  replaceSync("openSync", (open) => (...words) => {
    if (code !== null) throw diskError(code);
    return open(...words);
  });
  const told: string[] = [];
  const descriptors = new OutOfDescriptors();
  const states = [null, "EMFILE", "EMFILE", "ENFILE", null, "EACCES", "EMFILE"];
  const counts = states.map((state) => {
    code = state;
    descriptors.look(({ message }) => void told.push(message));
    return told.length;
  });
  expect(counts).toEqual([0, 1, 1, 1, 1, 1, 2]);
  expect(told[0]).toContain("ulimit -n");
});
