/** Lesson 3, cutting a file: chunks come twice, overlap or go missing, and a disk takes less than it was given. */
import { broken, lesson } from "./lesson.mjs";

const FILE = Buffer.from("abcdefghijklmnopqrstuvwxyz");

/** A file on a disk that takes at most `most` bytes per write, and says how many. Node's and every other do the same. */
class Disk {
  content = Buffer.alloc(0);
  constructor(most = 1000) {
    this.most = most;
  }
  write(bytes, at) {
    const taken = bytes.subarray(0, this.most);
    const grown = Buffer.alloc(Math.max(this.content.length, at + taken.length));
    this.content.copy(grown);
    taken.copy(grown, at);
    this.content = grown;
    return taken.length;
  }
}

const chunk = (from, to) => ({ offset: from, bytes: FILE.subarray(from, to) });

/** What lands on the disk when these chunks arrive in this order, and whether the taker reports a complete file. */
function landed(createTaker, chunks, disk = new Disk()) {
  const taker = createTaker(disk, FILE.length);
  for (const { offset, bytes } of chunks) taker.take(offset, bytes);
  return { content: disk.content.toString().replaceAll("\0", "."), complete: taker.isComplete() };
}

function expectWhole({ content, complete }) {
  if (complete !== true) broken("all bytes arrived, and it is not complete");
  if (content !== FILE.toString()) broken(`on the disk is ${content}`);
}

await lesson(import.meta.url, ({ createTaker }) => ({
  "chunks in order make the file": () => expectWhole(landed(createTaker, [chunk(0, 10), chunk(10, 20), chunk(20, 26)])),
  "a chunk that comes twice changes nothing": () =>
    expectWhole(landed(createTaker, [chunk(0, 10), chunk(10, 20), chunk(10, 20), chunk(20, 26)])),
  "a chunk that overlaps changes nothing": () => expectWhole(landed(createTaker, [chunk(0, 10), chunk(5, 26)])),
  "a missing chunk is an error, not a file": () => {
    let result = null;
    try {
      result = landed(createTaker, [chunk(0, 10), chunk(20, 26)]);
    } catch {
      return; // it noticed
    }
    broken(`bytes 10 to 19 never came; complete: ${result.complete}, on the disk ${result.content}`);
  },
  "a write that takes only some of the bytes is continued": () =>
    expectWhole(landed(createTaker, [chunk(0, 10), chunk(10, 26)], new Disk(3))),
}));
