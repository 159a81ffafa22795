/**
 * A disk with a cache, for the lessons about crashes: what was not synced is lost when the power is cut.
 *
 * A file's bytes are durable after `sync`, the names in the folder after `syncFolder`; each comes without the
 * other, as POSIX allows. `cutAt` ends the program before its n-th call, by an exception that nobody catches.
 */
export class PowerCut extends Error {}

export class Disk {
  /** What a program sees: name -> file. A file knows the bytes it has, and those that would survive. */
  files = new Map();
  /** The names that would survive. */
  durableNames = new Map();
  calls = 0;
  syncs = 0;
  #cutAt;

  constructor(cutAt = Number.POSITIVE_INFINITY) {
    this.#cutAt = cutAt;
  }

  #step() {
    if (this.calls++ === this.#cutAt) throw new PowerCut("the power was cut");
  }

  write(name, text) {
    this.#step();
    const file = this.files.get(name) ?? { text: "", durable: "" };
    file.text = text;
    this.files.set(name, file);
  }

  sync(name) {
    this.#step();
    this.syncs++;
    const file = this.files.get(name);
    file.durable = file.text;
  }

  rename(from, to) {
    this.#step();
    this.files.set(to, this.files.get(from));
    this.files.delete(from);
  }

  syncFolder() {
    this.#step();
    this.syncs++;
    this.durableNames = new Map(this.files);
  }

  /** What is there when the machine starts again: name -> text. */
  afterPowerCut() {
    return new Map([...this.durableNames].map(([name, file]) => [name, file.durable]));
  }
}
