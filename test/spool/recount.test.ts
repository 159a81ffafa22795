import { join } from "node:path";
import { open } from "lmdb";
import { expect, test } from "vitest";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { inTempFolder, store } from "./subject.ts";

test.each([
  ["less than there is", undefined],
  ["more than there is", [7, 7000]],
])("sums in the index that say %s are counted anew at the next start", (_, wrong) =>
  inTempFolder(async (folder) => {
    const before = await LocalSpool.open({ folder });
    await store(before, 1, 300);
    await store(before, 2, 100_000);
    await before.close();
    // As after a commit that failed, and a crash before the sums were put right.
    const index = open({ path: join(folder, "index.mdb"), maxDbs: 8, overlappingSync: false });
    const totals = index.openDB<unknown, string>({ name: "totals" });
    await (wrong ? totals.put("default", wrong) : totals.remove("default"));
    await index.close();
    const counts = { files: 2, bytes: 100_300 };
    for (const start of [1, 2]) {
      const spool = await LocalSpool.open({ folder });
      expect({ start, files: spool.waiting("default"), bytes: spool.bytesUsed() }).toEqual({ start, ...counts });
      await spool.close();
    }
  }),
);
