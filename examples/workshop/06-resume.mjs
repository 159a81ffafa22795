/** Lesson 6, picking up where we stopped: the power is cut after every byte, the sender comes back, the file must be whole. */
import { broken, lesson } from "./lesson.mjs";

const FILE = "abcdefghijklmnopqrstuvwxyz";
const CHUNK = 5;

/**
 * The file of an upload, and a small record beside it. `sync` makes the bytes durable; `record` is durable at
 * once. After a power cut the file may have its full length, with nothing in the part that was never synced.
 */
class Disk {
  text = "";
  note = null;
  #durable = 0;
  write(at, text) {
    this.text = this.text.slice(0, at).padEnd(at, "?") + text + this.text.slice(at + text.length);
  }
  truncate(length) {
    this.text = this.text.slice(0, length);
    this.#durable = Math.min(this.#durable, length);
  }
  sync() {
    this.#durable = this.text.length;
  }
  record(note) {
    this.note = note;
  }
  cutPower() {
    this.text = this.text.slice(0, this.#durable).padEnd(this.text.length, ".");
  }
}

/** Sends from where the server says; the power is cut after `cuts[0]` bytes, then after `cuts[1]` more, and so on. */
function upload(createServer, cuts) {
  const disk = new Disk();
  const offsets = [];
  for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
    const server = createServer(disk); // a new process: all it knows is on the disk
    let at = server.offer(FILE.length);
    offsets.push(at);
    const end = at + cut;
    while (at < FILE.length && at < end) {
      const bytes = FILE.slice(at, Math.min(at + CHUNK, end));
      server.data(at, bytes);
      at += bytes.length;
    }
    if (at < FILE.length) disk.cutPower();
  }
  return { text: disk.text, offsets };
}

const everyPair = function* () {
  for (let first = 1; first < FILE.length; first++)
    for (let second = 1; second < FILE.length; second++) yield [first, second];
};

await lesson(import.meta.url, ({ createServer }) => ({
  "without a cut, the file arrives": () => {
    const { text } = upload(createServer, []);
    if (text !== FILE) broken(`${text} arrived`);
  },
  "after any two power cuts, the file is whole": () => {
    for (const cuts of everyPair()) {
      const { text } = upload(createServer, cuts);
      if (text !== FILE) broken(`cut after ${cuts.join(" and ")} bytes: ${text}`);
    }
  },
  "the offset never goes backwards, and a cut costs less than two chunks": () => {
    for (const cuts of everyPair()) {
      const { offsets } = upload(createServer, cuts);
      for (const [at, offset] of offsets.entries()) {
        if (at > 0 && offset < offsets[at - 1])
          broken(`cut after ${cuts.join(" and ")}: offsets ${offsets.join(", ")}`);
        const reached = at === 0 ? 0 : Math.min(offsets[at - 1] + cuts[at - 1], FILE.length);
        if (reached - offset >= 2 * CHUNK) broken(`cut after ${cuts.join(" and ")}: from ${reached} back to ${offset}`);
      }
    }
  },
}));
