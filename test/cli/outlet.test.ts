import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline, Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DescriptorOutput } from "../../src/cli/report/descriptor-output.ts";
import { Outlet, staysOn } from "../../src/cli/report/outlet.ts";

const MiB = 1024 * 1024;

/** A reader that takes a piece when it is told to, or fails as a system call does. */
class Reader extends Writable {
  text = "";
  readonly #held: (() => void)[] = [];
  isHeld = false;
  error: string | null = null;
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const take = () => {
      this.text += chunk;
      if (this.error) this.emit("error", Object.assign(new Error(this.error), { code: this.error }));
      done();
    };
    if (this.isHeld) this.#held.push(take);
    else take();
  }
  read(): void {
    for (const take of this.#held.splice(0)) take();
  }
}

let reader: Reader;
let stop: AbortController;
let outlet: Outlet;
beforeEach(() => {
  [reader, stop] = [new Reader(), new AbortController()];
  outlet = new Outlet(reader, stop.signal);
});

test.each([
  ["EPIPE", { isReaderGone: true, why: "its reader is gone (EPIPE)" }],
  ["ENOSPC", { isReaderGone: false, why: "no space left on the disk (ENOSPC)" }],
  ["EIO", { isReaderGone: false, why: "the disk reports an error (EIO)" }],
])("%s: the first write that is lost is noted, and nothing is written after it", async (code, loss) => {
  outlet.write("one ");
  reader.error = code;
  outlet.write("two ");
  reader.error = null;
  outlet.write("three ");
  expect(await outlet.settled()).toBe(true);
  expect(outlet.failure).toEqual(loss);
  expect(reader.text).toBe("one two ");
});

test("EIO of a terminal means that it is gone", () => {
  Object.assign(reader, { isTTY: true, error: "EIO" });
  outlet.write("x");
  expect(outlet.failure).toEqual({ isReaderGone: true, why: "its reader is gone (EIO)" });
});

test("a program that stays says once that lines are lost, and tries the next ones again", async () => {
  const told: string[] = [];
  staysOn({ stdout: outlet, stderr: new Outlet(new Reader(), stop.signal) }, (sentence) => told.push(sentence));
  reader.error = "ENOSPC";
  outlet.write("one ");
  outlet.write("two ");
  reader.error = null;
  outlet.write("three ");
  expect(reader.text).toBe("one two three ");
  expect(told).toEqual(["standard output: lines are left out: no space left on the disk (ENOSPC)"]);
});

test.each([
  [1, true],
  [64, false],
])(
  "%d MiB may wait for a reader who reads nothing; then lines are left out (of a program that stays: %s)",
  async (bound, stays) => {
    const told: string[] = [];
    if (stays) outlet.staysOn((sentence) => told.push(sentence));
    reader.isHeld = true;
    const line = "x".repeat(MiB / 4);
    for (let written = 0; written < 2 * bound * MiB; written += line.length) outlet.write(line);
    expect(outlet.waiting).toBeLessThanOrEqual(bound * MiB + line.length);
    expect(outlet.failure?.why).toBe("its reader is too slow");
    outlet.sayLeftOut();
    outlet.sayLeftOut();
    const first = "lines are left out: its reader is too slow";
    expect(told).toEqual(stays ? [first, "3 lines were left out, because nobody read them"] : []);
  },
);

test("who prints a long list waits for its reader, until that has read, is gone, or the run is to end", async () => {
  const states: string[] = [];
  const wait = (name: string) => outlet.drained().then(() => states.push(name));
  await wait("nothing waits");
  reader.isHeld = true;
  outlet.write("x".repeat(MiB));
  const reading = wait("read");
  await new Promise(setImmediate);
  expect(states).toEqual(["nothing waits"]);
  reader.isHeld = false;
  reader.read();
  await reading;
  reader.isHeld = true;
  outlet.write("x".repeat(MiB));
  stop.abort();
  await wait("to end");
  expect(states).toEqual(["nothing waits", "read", "to end"]);
});

test("the end waits for a slow reader, but not of a program that stays, nor of one that was told to end", async () => {
  reader.isHeld = true;
  outlet.write("x");
  let isOver = false;
  const end = outlet.settled().then((isOut) => {
    isOver = true;
    return isOut;
  });
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  stop.abort();
  expect(await end).toBe(false);
  const staying = new Outlet(reader, new AbortController().signal);
  staying.staysOn(() => {});
  staying.write("x");
  expect(await staying.settled()).toBe(false);
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "filespool-outlet-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a descriptor gets text and bytes, whole and in order", async () => {
  const fd = openSync(join(folder, "out"), "w");
  const output = new DescriptorOutput(fd);
  output.write("größe ");
  await promisify(pipeline)(Readable.from([Buffer.from("one "), Buffer.from("two ")]), output, { end: false });
  await new Promise((resolve) => output.write("three", resolve));
  output.sync();
  expect([output.isNull, output.wasClosed]).toEqual([false, false]);
  closeSync(fd);
  expect(readFileSync(join(folder, "out"), "utf8")).toBe("größe one two three");
});

test("a descriptor that takes nothing loses text, and fails for bytes", async () => {
  const output = new DescriptorOutput(openSync("/dev/full", "w"));
  const lost: string[] = [];
  output.on("error", (error: NodeJS.ErrnoException) => lost.push(error.code ?? ""));
  await new Promise((resolve) => output.write("text", resolve));
  expect(lost).toEqual(["ENOSPC"]);
  const copying = promisify(pipeline)(Readable.from([Buffer.from("bytes")]), output, { end: false });
  await expect(copying).rejects.toMatchObject({ code: "ENOSPC" });
});

test("/dev/null is known, and how it was opened", () => {
  const [written, both] = [openSync("/dev/null", "w"), openSync("/dev/null", "r+")].map(
    (fd) => new DescriptorOutput(fd),
  );
  expect([written?.isNull, written?.wasClosed]).toEqual([true, false]);
  expect([both?.isNull, both?.wasClosed]).toEqual([true, process.platform === "linux"]);
});
