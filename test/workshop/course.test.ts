/** The exercises: each gap is noticed by the laws of its page and by no earlier page's, and the solved copy keeps all laws. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { COURSE } from "../../examples/workshop/course.ts";
import type { Seen, Trial } from "./try-copies.ts";

const PAGES = COURSE.map(({ number }) => number);

/**
 * The later pages whose laws fail, too, when only the gaps of a page are open, and why. No page is in the row of a later
 * one: whoever takes the pages in order never needs what is still to come.
 */
const NEEDED_BY: Record<number, number[]> = {
  1: [2, 4, 6, 7, 8, 9], // nobody hears anything without a reader of frames; 3 and 5 have no connection
  2: [4, 6, 7, 8, 9], // nor says anything
  3: [5, 6, 7, 8, 9], // no content reaches a disk
  4: [6, 9], // those two send to the reader's server
  5: [6, 7, 8, 9], // no file waits
  6: [7, 8, 9], // the sender sends nothing, and the receiver fetches nothing
  7: [9], // nothing lands
  8: [], // a stand-in asks for each file, which is slow and right
  9: [], // a stand-in has never seen a file before, which is right until somebody is killed
};

/** One fault in the solved copy, and the law of the page that finds it. */
const FAULTS: Record<string, { page: number; file: string; from: string; to: string; law: string }> = {
  "an end inside a frame passes for an end": {
    ...{ page: 1, file: "connection.ts", from: "if (this.#decoder.midFrame) ", to: "if (!this.#wire) " },
    law: "an end between two frames is an end, and an end inside a frame is a cut",
  },
  "the payload has no checksum": {
    ...{ page: 2, file: "connection.ts", from: "encodeHeader(type, payload, crc32, offset)" },
    to: "encodeHeader(type, payload, () => 0, offset)",
    law: "what one end sends, the other end hears",
  },
  "a stranger may announce any length": {
    ...{ page: 2, file: "connection.ts", from: "payloadBytesMax = LIMITS.controlBytesMax" },
    to: "payloadBytesMax = LIMITS.dataBytesMax",
    law: "a stranger may announce one message, and somebody known a long frame",
  },
  "what came before is written again": {
    ...{ page: 3, file: "growing-file.ts", from: "joinParts(dropBytes(parts, known))", to: "joinParts(parts)" },
    law: "a chunk that overlaps adds only what is new",
  },
  "stored is said first": {
    ...{ page: 4, file: "server.ts", from: "const stored = await queues.finish(" },
    to: "await tellStored(digest, false, false);\n      const stored = await queues.finish(",
    law: "stored is said when the queues have the file, and not before",
  },
  "a rename is believed to be on disk": {
    ...{
      page: 5,
      file: "queues.ts",
      from: "for (const moved of [to, from])",
      to: "for (const moved of [] as string[])",
    },
    law: "what was said to be stored is there after any power cut",
  },
  "the record is not synced before it moves": {
    ...{
      page: 5,
      file: "queues.ts",
      from: ", { flush: true }",
      to: "",
    },
    law: "what was said to be stored is there after any power cut",
  },
  "what a killed program wrote is called durable": {
    ...{
      page: 6,
      file: "growing-file.ts",
      from: "if (file.next > 0) await file.sync();",
      to: "file.durable = file.next;",
    },
    law: "what is called durable survives a power cut, also when a killed program wrote it",
  },
  "a receiver begins anew": {
    ...{ page: 6, file: "receive.ts", from: "offset: part.next", to: "offset: 0" },
    law: "a receiver asks for what its disk lacks, after a cut at any place",
  },
  "a token names the file and not the delivery": {
    ...{
      page: 7,
      file: "queues.ts",
      from: "file.token = crypto.randomUUID()",
      to: "file.token = file.record.transfer",
    },
    law: "a late ack with an old token is refused, and the file stays",
  },
  "a lease runs out during the ack": {
    ...{ page: 7, file: "queues.ts", from: "file.expiresMs = Infinity;", to: "" },
    law: "a lease cannot run out while its record moves",
  },
  "a record in two folders waits": {
    ...{ page: 7, file: "queues.ts", from: "!collected.has(name.slice(17))", to: "name.length > 0" },
    law: "what was acked never comes again, and what was not is whole, whenever the power is cut",
  },
  "a name that is taken is replaced": {
    ...{ page: 7, file: "receive.ts", from: "link(part, path).then(() => false, " },
    to: "rm(path, { force: true }).then(() => link(part, path)).then(() => false, ",
    law: "a file that is there already is not touched",
  },
  "a large file is sent without a question": {
    ...{
      page: 8,
      file: "send.ts",
      from: "const wait = file.size > server.pipelineBytesMax;",
      to: "const wait = false;",
    },
    law: "a large file asks first, because the server may have most of it",
  },
  "a part with two names lands again": {
    ...{ page: 9, file: "receive.ts", from: "if ((await namesOf(part)) < 2)", to: "if ((await namesOf(part)) < 9)" },
    law: "also when somebody moves what has landed before the receiver comes back",
  },
};

const TRIALS: Trial[] = [
  { name: "solved", open: [], pages: PAGES },
  ...PAGES.map((page) => ({ name: `only page ${page} open`, open: [page], pages: PAGES })),
  ...PAGES.map((page) => ({
    ...{ name: `solved up to page ${page}`, open: PAGES.filter((other) => other > page) },
    pages: PAGES.filter((other) => other <= page),
  })),
  ...COURSE.filter(({ gaps }) => gaps.length > 1).flatMap(({ number, gaps }) =>
    gaps.map(({ region }) => ({
      ...{ name: `only ${region} of page ${number} open`, open: [number], region, pages: [number] },
    })),
  ),
  ...Object.entries(FAULTS).map(([name, { page, ...fault }]) => ({ name, open: [], fault, pages: [page] })),
];

/** Tries copies in a process of their own. Most of their time is waiting, so some of these run side by side. */
async function tryAll(trials: readonly Trial[]): Promise<Record<string, Seen>> {
  const script = new URL("./try-copies.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.end(JSON.stringify(trials));
  const [output] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return JSON.parse(output);
}

const SIDE_BY_SIDE = 4;
const parts = Array.from({ length: SIDE_BY_SIDE }, (_, part) =>
  TRIALS.filter((_, index) => index % SIDE_BY_SIDE === part),
);
const seen: Record<string, Seen> = Object.assign({}, ...(await Promise.all(parts.map(tryAll))));

/** The laws that are broken, with what was seen. */
const brokenIn = (trial: string): string[] =>
  Object.entries(seen[trial] ?? {}).flatMap(([page, laws]) =>
    Object.entries(laws).flatMap(([law, problem]) => (problem === null ? [] : [`page ${page}: ${law}: ${problem}`])),
  );
const pageIn = (line: string): number => Number(/^page (\d+)/.exec(line)?.[1]);

test("the solved copy keeps every law, and each page has some", () => {
  expect(brokenIn("solved")).toEqual([]);
  expect(Object.values(seen.solved ?? {}).map((laws) => Object.keys(laws).length > 1)).toEqual(PAGES.map(() => true));
});

test.each(PAGES)("page %i: its gaps break its own laws, and those of the later pages that need it", (page) => {
  const expected = [page, ...(NEEDED_BY[page] ?? [])];
  const broken = brokenIn(`only page ${page} open`);
  expect(broken.filter((line) => !expected.includes(pageIn(line)))).toEqual([]);
  expect([...new Set(broken.map(pageIn))]).toEqual(expected);
  expect(NEEDED_BY[page]?.filter((other) => other <= page)).toEqual([]);
});

test.each(PAGES)("page %i: whoever has solved the pages up to it keeps all their laws", (page) => {
  expect(brokenIn(`solved up to page ${page}`)).toEqual([]);
});

test.each(TRIALS.filter(({ region }) => region).map(({ name }) => name))("%s: the laws of the page notice", (name) => {
  expect(brokenIn(name)).not.toEqual([]);
});

test.each(Object.entries(FAULTS))("the laws notice that %s", (name, { page, law }) => {
  expect(brokenIn(name)).toContainEqual(expect.stringContaining(`page ${page}: ${law}`));
});
