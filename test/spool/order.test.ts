import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { appendRest, begin, contentOf, inTempFolder, offerOf } from "./subject.ts";

const MiB = 1024 * 1024;

afterEach(() => vi.restoreAllMocks());

test("an offset is told to the sender only when it was written down, however long that takes", () =>
  inTempFolder(async (folder) => {
    // A machine so slow that a second passes would have a sync for each second as well.
    vi.spyOn(performance, "now").mockReturnValue(0);
    const spool = await InspectableSpool.open({ folder });
    const happened: string[] = [];
    const { index } = spool;
    const putUpload = index.putUpload.bind(index);
    index.putUpload = async (record) => {
      await putUpload(record);
      await sleep(20); // a slow disk, so that who does not wait is caught every time
      happened.push(`written ${record.durable / MiB}`);
    };
    const watcher = { onDurable: (at: number) => void happened.push(`told ${at / MiB}`), onSuperseded: () => {} };
    const upload = await begin(spool, offerOf(1, 40 * MiB), watcher);
    await appendRest(upload, contentOf(40 * MiB), MiB);
    await upload.suspend();
    expect(happened).toEqual([16, 32, 40].flatMap((at) => [`written ${at}`, `told ${at}`]));
    await spool.close();
  }));
