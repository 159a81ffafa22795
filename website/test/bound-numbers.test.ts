/** Laws of numbers in prose: each is read from where it was measured, and one that is not there is an error. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { HEADER_BYTES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { boundNumbers, resolveReference, valueAt } from "../plugins/bound-numbers.ts";
import { median } from "../plugins/median.ts";
import { repositoryFolder } from "../plugins/repository.ts";
import { bytes, duration, limit } from "../plugins/units.ts";
import { handWrittenPages } from "../scripts/hand-written.ts";

const small = JSON.parse(readFileSync(new URL("../../benchmarks/results/small.json", import.meta.url), "utf8"));

describe("a path", () => {
  const root = {
    a: {
      "b c": [
        { name: "x", n: [1, 2] },
        { name: "y=z", n: [3] },
      ],
    },
  };

  it("steps by names, places, fields and over all", () => {
    expect(valueAt(root, "a.b c[1].n[0]")).toBe(3);
    expect(valueAt(root, "a.b c[name=y=z].n")).toEqual([3]);
    expect(valueAt(root, "a.b c[].name")).toEqual(["x", "y=z"]);
  });

  it.each(["b", "a.b c[2]", "a.b c[name=q]", "a.b c[0].n.toString", "a.constructor", "a.b c[0", "a..b"])(
    "that leads nowhere is an error: %s",
    (path) => {
      expect(() => valueAt(root, path)).toThrow(
        path.includes("[0") && !path.includes("]") ? /cannot be read/ : /no|read/,
      );
    },
  );
});

describe("a reference", () => {
  it("becomes the number in the results, written as asked", () => {
    const expected = `${Number(median(small.targets[0].samples.send).toPrecision(3))} ms`;
    expect(resolveReference("bench:small.json#targets[name=send connected].samples.send | median | ms")).toBe(expected);
    expect(resolveReference("bench:small.json#date | date")).toBe(small.date.slice(0, 10));
    expect(resolveReference("bench:small.json#targets[0].samples.send | median | over targets[0].samples.send")).toBe(
      "1",
    );
  });

  it("to a limit becomes the limit with its unit", () => {
    expect(resolveReference("limit:bufferBytesDefault")).toBe(bytes(LIMITS.bufferBytesDefault));
  });

  it("to a setting becomes its default, to an exit code its number", () => {
    expect(resolveReference("setting:max-connections")).toBe("10000");
    expect(resolveReference("exit:integrity")).toBe(String(EXIT.integrity));
    expect(resolveReference("limit:headerBytes")).toBe(bytes(HEADER_BYTES));
  });

  it("in a block of code stands in braces, and everything else there stays", () => {
    const block = { type: "code", lang: "mermaid", value: "a{limit:headerBytes} {limit: x} {bench:y}" };
    boundNumbers()({ type: "root", children: [block] } as never, { path: "x" } as never);
    expect(block.value).toBe(`a${bytes(HEADER_BYTES)} {limit: x} {bench:y}`);
  });

  it("in prose has no braces: they would be printed", () => {
    const text = { type: "text", value: "up to {limit:headerBytes}" };
    expect(() => boundNumbers()({ type: "root", children: [text] } as never, { path: "x" } as never)).toThrow(/ticks/);
  });

  it("is nothing else: other code stays as it is", () => {
    expect(resolveReference("filespool serve")).toBeNull();
    expect(resolveReference("bench: a word")).toBeNull();
  });

  it.each([
    ["limit:nothingMax", "no limit nothingMax"],
    ["setting:nothing", "no setting nothing"],
    ["exit:toString", "no exit code"],
    ["bench:nothing.json#date", "ENOENT"],
    ["bench:../../package.json#name", "not the name of a file"],
    ["bench:small.json#nothing", "leads nowhere"],
    ["bench:small.json#targets[0].samples.send | ms", "no number there"],
    ["bench:small.json#date | nothing", "is none of"],
    ["bench:small.json#targets", "not one value"],
  ])("that stands for nothing is an error: %s", (text, message) => {
    expect(() => resolveReference(text)).toThrow(message);
  });
});

describe("what is bound in", () => {
  const REFERENCE = /[`{]((?:bench|limit|setting|exit):[^`}\s][^`}]*)[`}]/g;

  it.each(handWrittenPages())("%s stands for something", (page) => {
    const text = readFileSync(resolve(repositoryFolder, page), "utf8");
    for (const [, reference] of text.matchAll(REFERENCE)) expect(resolveReference(reference as string)).toMatch(/\w/);
  });
});

describe("a number for people", () => {
  it("has the unit that its name says", () => {
    expect(limit("leaseMs", 30_000)).toBe("30 seconds");
    expect(limit("windowFiles", 512)).toBe("512");
    expect(limit("bytesPerSecondMin", 1024)).toBe("1 KiB a second");
    expect(limit("fileTtlMs", Infinity)).toBe("unlimited");
    expect(duration(1500)).toBe("1,500 ms");
    expect(duration(86_400_000)).toBe("1 day");
    expect(bytes(1536)).toBe("1.5 KiB");
    expect(bytes(Number.MAX_SAFE_INTEGER)).toBe("2^53 - 1 bytes");
  });

  it("in the middle of an even count is the mean of two", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow(/no numbers/);
  });
});
