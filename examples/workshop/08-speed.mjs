/** Lesson 8, going faster without lying: 256 files at once, a disk on which a sync takes a while, and the word "stored". */
import { broken, lesson } from "./lesson.mjs";

const FILES = 256;

/** A disk on which many writes may share one sync, and a sync takes until the next turn of the event loop. */
class Disk {
  syncs = 0;
  durable = new Set();
  #written = new Set();
  write(name) {
    this.#written.add(name);
  }
  async sync() {
    this.syncs++;
    const names = [...this.#written]; // what comes later is not part of this sync
    await new Promise((done) => setImmediate(done));
    for (const name of names) this.durable.add(name);
  }
}

async function storeAll(createStore) {
  const disk = new Disk();
  const store = createStore(disk);
  const lies = [];
  const one = async (name) => {
    await store(name);
    if (!disk.durable.has(name)) lies.push(name); // stored was said: is it?
  };
  await Promise.all(Array.from({ length: FILES }, (_, at) => one(`file-${at}`)));
  return { lies, syncs: disk.syncs };
}

await lesson(import.meta.url, ({ createStore }) => ({
  "no file is reported stored before it is on disk": async () => {
    const { lies } = await storeAll(createStore);
    if (lies.length > 0) broken(`${lies.length} of ${FILES} were`);
  },
  "files that come together share syncs: 8 are enough": async () => {
    const { syncs } = await storeAll(createStore);
    if (syncs > 8) broken(`${FILES} files took ${syncs} syncs`);
  },
  "a file that comes alone waits for one sync, and not for a timer": async () => {
    const disk = new Disk();
    await createStore(disk)("alone");
    if (disk.syncs !== 1) broken(`it took ${disk.syncs} syncs`);
  },
}));
