/** Lesson 5, remembering through a crash: the power is cut before each call in turn, and then we look what is there. */
import { Disk, PowerCut } from "./disk.mjs";
import { broken, lesson } from "./lesson.mjs";

const TEXT = "the only copy";

/** Stores one file with the power cut before call number `cutAt`. */
async function storeWithCut(store, cutAt) {
  const disk = new Disk(cutAt);
  let said = false;
  try {
    await store(disk, "report.txt", TEXT, () => {
      said = true;
    });
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return { said, found: disk.afterPowerCut(), calls: disk.calls };
}

await lesson(import.meta.url, ({ store }) => ({
  "without a cut, the file is stored and the sender hears of it": async () => {
    const disk = new Disk();
    let said = false;
    await store(disk, "report.txt", TEXT, () => {
      said = true;
    });
    if (!said) broken("it never said stored");
    if (disk.files.get("report.txt")?.text !== TEXT) broken("the file is not there");
  },
  "after stored was said, no power cut loses the file": async () => {
    const { calls } = await storeWithCut(store, Number.POSITIVE_INFINITY);
    for (let cutAt = 0; cutAt <= calls; cutAt++) {
      const { said, found } = await storeWithCut(store, cutAt);
      const text = found.get("report.txt");
      const state = text === undefined ? "is gone" : `has ${text.length} of ${TEXT.length} bytes`;
      if (said && text !== TEXT) broken(`cut after ${cutAt} calls: stored was said, and report.txt ${state}`);
    }
  },
  "a cut at any moment leaves the whole file under its name, or nothing": async () => {
    const { calls } = await storeWithCut(store, Number.POSITIVE_INFINITY);
    for (let cutAt = 0; cutAt <= calls; cutAt++) {
      const text = (await storeWithCut(store, cutAt)).found.get("report.txt");
      if (text !== undefined && text !== TEXT)
        broken(`cut after ${cutAt} calls: report.txt has ${text.length} of ${TEXT.length} bytes`);
    }
  },
}));
