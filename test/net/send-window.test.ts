/** What a sender counts while it sends goes down again with each file, however that ends, and begins anew with each connection. */
import { describe, expect, test } from "vitest";
import { newConversation, SendWindow, type Transfer } from "../../src/net/sender/send-window.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { content } from "../support/content.ts";
import { idOf, listenRaw, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const server = { ...WELCOME, windowFiles: 4, windowBytes: 100 * KiB, pipelineBytesMax: 64 * KiB };

let ids = 0;
function job(size: number, fields: Partial<Transfer> = {}): Transfer {
  const about = {
    transfer: idOf(++ids),
    queue: "q",
    name: "a",
    path: "a",
    size,
    kind: undefined,
    mode: undefined,
    mtime: undefined,
    kept: undefined,
  };
  const state = { conversation: newConversation(), from: 0, digest: "", finished: false, mismatches: 0 };
  return { ...about, ...state, isDoubtful: false, other: null, claim: null, ...fields };
}

describe("the window", () => {
  const fill = (window: SendWindow, sizes: readonly number[]) => {
    const jobs = sizes.map((size) => job(size));
    for (const one of jobs) window.open(one);
    return jobs;
  };
  /** Beside one open file of a byte, since a file alone always has room. */
  const takes = (window: SendWindow, size: number) => {
    const [other] = fill(window, [1]);
    const has = window.hasRoom(job(size), server);
    window.close(other as Transfer);
    return has;
  };

  test("has the room of settled files again, their bytes as well as their number", () => {
    const window = new SendWindow();
    for (let round = 0; round < 10; round++) {
      const jobs = fill(window, [60 * KiB, 30 * KiB, 9 * KiB]);
      expect(window.hasRoom(job(2 * KiB), server)).toBe(false);
      for (const one of jobs) window.close(one);
      expect([window.isIdle, takes(window, 64 * KiB)]).toEqual([true, true]);
    }
  });

  test("counts a file that is closed twice, or was never open, once or not at all", () => {
    const window = new SendWindow();
    const [one, two] = fill(window, [60 * KiB, 39 * KiB]) as [Transfer, Transfer];
    for (const closed of [one, one, job(60 * KiB)]) window.close(closed);
    expect(window.hasRoom(job(62 * KiB), server)).toBe(false);
    expect(window.hasRoom(job(61 * KiB), server)).toBe(true);
    window.close(two);
  });

  test("has the room of postponed files, and takes them back with the open ones, in order", () => {
    const window = new SendWindow();
    const jobs = fill(window, [60 * KiB, 39 * KiB, 1]) as [Transfer, Transfer, Transfer];
    expect(window.postpone(jobs[0], new FilespoolError("spool-full"))).toBe(true);
    expect(window.hasRoom(job(60 * KiB), server)).toBe(true);
    expect(window.noRoom?.code).toBe("spool-full");
    expect(window.takeBack().map(({ size }) => size)).toEqual([60 * KiB, 39 * KiB, 1]);
    // The next connection begins with nothing of this one.
    expect([window.isIdle, window.noRoom, window.takeBack()]).toEqual([true, null, []]);
    expect(takes(window, 64 * KiB)).toBe(true);
    // As many may be postponed again as on the first.
    for (let round = 0; round < 3; round++) {
      let postponed = 0;
      for (let more = true; more; postponed += more ? 1 : 0) {
        const [one] = fill(window, [1]) as [Transfer];
        more = window.postpone(one, new FilespoolError("queue-full"));
        if (!more) window.close(one);
      }
      expect(postponed).toBe(16);
      expect(window.takeBack()).toHaveLength(16);
    }
  });

  test("a file larger than all of it takes it up, and gives all of it back", () => {
    const window = new SendWindow();
    for (const size of [Infinity, 10 * LIMITS.windowBytes]) {
      const [one] = fill(window, [size]) as [Transfer];
      expect(window.hasRoom(job(1), { ...server, windowBytes: LIMITS.windowBytes })).toBe(false);
      window.close(one);
      expect(takes(window, 64 * KiB)).toBe(true);
    }
  });
});

test.each([
  ["of files, by their number", 1, LIMITS.windowFiles],
  ["of bytes", 64 * KiB, LIMITS.windowBytes / (64 * KiB)],
])("a whole window %s leaves on each connection of a run, before the first answer", async (_, size, fits) => {
  const work = new Workspace();
  const heard: number[] = [];
  let enough: () => void = () => {};
  const thrice = new Promise<void>((resolve) => {
    enough = resolve;
  });
  // Answers nothing, and ends the connection once as many files came as the window has room for.
  const port = await listenRaw(async (peer) => {
    await peer.until("hello");
    peer.send({ ...WELCOME, windowFiles: LIMITS.windowFiles });
    let files = 0;
    for (let frame = await peer.next(); frame; frame = await peer.next())
      if (frame.type === "finish" && ++files === fits) peer.socket.end();
    if (heard.push(files) === 3) enough();
  });
  const bytes = content(size);
  const files = Array.from({ length: fits + 10 }, (_, index) => work.write(`f${index}`, bytes));
  work.send({ port, files });
  await thrice;
  expect(heard.slice(0, 3)).toEqual([fits, fits, fits]);
});

test("a file that is refused, or changes, leaves the window for those behind it", async () => {
  const work = new Workspace();
  const { port } = await work.serve({ spool: { limits: { fileBytesMax: 50 * KiB } } });
  // More refused bytes than the window has: each of them must leave it.
  const count = Math.ceil((2 * LIMITS.windowBytes) / (60 * KiB));
  const files = Array.from({ length: count }, (_, index) => work.write(`f${index}`, content(60 * KiB)));
  const sender = work.send({ port, files: [...files, work.write("last", "last")] });
  const { stored, failures } = await sender.done;
  expect([stored, failures.length]).toEqual([1, count]);
});
