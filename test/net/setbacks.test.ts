/** Files that do not land, in a run that goes on: what the server hears, when they are tried again, and what is given back. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../../src/net/client/client.ts";
import type { TransferEvent } from "../../src/net/events.ts";
import { Failures } from "../../src/net/receiver/failures.ts";
import { Setbacks } from "../../src/net/receiver/setbacks.ts";
import { TargetRoom } from "../../src/net/receiver/target-room.ts";
import { type ErrorCode, FilespoolError } from "../../src/protocol/errors.ts";
import { content } from "../support/content.ts";
import { diskError, replaceFileMethod, replaceSync } from "../support/disk-faults.ts";
import { deliveryOf } from "../support/landings.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;
const error = (code: ErrorCode) => new FilespoolError(code);
const once = { out: "", retryMs: 60_000 };
const following = { ...once, follow: true };

describe("a file that did not land", () => {
  test("is tried again after pauses that grow to a minute, by a run that waits for files", () => {
    const failures = new Failures(following);
    const pauses = Array.from({ length: 9 }, () => failures.add("a", error("target-refused"), true));
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000));
    expect(failures.pausing("a")?.leftMs).toBeGreaterThan(59_000);
    expect(failures.add("b", error("archive-refused"), true)).toBe(1000); // each has pauses of its own
  });

  test("is tried once by a run that takes what is there; a full disk while it writes is waited for as a retry is", () => {
    const failures = new Failures(once);
    expect(failures.add("a", error("target-refused"), true)).toBe(Infinity);
    expect(failures.pausing("a")?.leftMs).toBe(Infinity);
    expect(failures.add("b", error("disk-full"), false)).toBe(Infinity);
    const pauses = Array.from({ length: 6 }, () => failures.add("c", error("disk-full"), true));
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, Infinity]); // 31 s, and 32 s more would be over a minute
  });

  test("waits together no longer than the run would for a file", () => {
    const failures = new Failures({ ...once, waitMs: 3500 });
    expect([1, 2, 3].map(() => failures.add("a", error("target-refused"), true))).toEqual([1000, 2000, Infinity]);
  });

  test("comes again at once where the line may be at fault, and is looked at anew on the next connection otherwise", () => {
    const failures = new Failures(following);
    expect(failures.add("a", error("digest-mismatch"), true)).toBe(0);
    expect(failures.add("b", error("file-exists"), false)).toBe(Infinity);
    expect([failures.pausing("a"), failures.pausing("b")]).toEqual([null, null]);
  });

  test("is told once, and forgotten when it lands", () => {
    const failures = new Failures(once);
    failures.add("a", error("file-exists"), false);
    expect([failures.isNews("a"), failures.isNews("a")]).toEqual([true, false]);
    failures.add("a", error("file-exists"), false);
    expect(failures.isNews("a")).toBe(false);
    failures.landed("a");
    expect([failures.list(), failures.isNews("a")]).toEqual([[], false]);
  });

  test("is one of ten thousand that a run remembers: the oldest is forgotten first", () => {
    const failures = new Failures(following);
    for (let number = 0; number < 10_005; number++) failures.set(String(number), error("file-exists"), Infinity);
    expect(failures.list()).toHaveLength(10_000);
    expect([failures.pausing("4"), failures.pausing("5")?.leftMs]).toEqual([null, Infinity]);
  });
});

describe("a delivery that is held", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function held(hasRoom = () => true) {
    const told: string[] = [];
    const events: TransferEvent[] = [];
    const failures = new Failures(following);
    const setbacks = new Setbacks(failures, {
      client: { emit: (event: TransferEvent) => void events.push(event) } as Client,
      room: { hasRoom } as Pick<TargetRoom, "hasRoom"> as TargetRoom,
      failed: () => void told.push("failed"),
      nack: (token, counts) => void told.push(`${counts ? "counted" : "given back"} ${token}`),
      changed: () => {},
    });
    return { setbacks, told, events, failures };
  }
  const delivery = deliveryOf(1, content(10));

  test("is given back once, when its pause is over", () => {
    const { setbacks, told } = held();
    setbacks.hold(delivery, error("target-refused"), 1000);
    expect([told, setbacks.forGood]).toEqual([["failed"], 0]);
    vi.advanceTimersByTime(999);
    expect(told).toEqual(["failed"]);
    vi.advanceTimersByTime(120_000);
    expect(told).toEqual(["failed", "given back d-1"]);
    expect(setbacks.delete("d-1")).toBe(false);
  });

  test("is not given back after the server took it, or the connection ended", () => {
    const { setbacks, told } = held();
    setbacks.hold(delivery, error("target-refused"), 1000);
    expect(setbacks.delete("d-1")).toBe(true);
    setbacks.hold(delivery, error("target-refused"), 1000);
    setbacks.clear();
    vi.advanceTimersByTime(120_000);
    expect([told, vi.getTimerCount()]).toEqual([["failed", "failed"], 0]);
  });

  test("for good counts as long as it is held, and not any more after that", () => {
    const { setbacks } = held();
    for (const number of [1, 2, 3]) setbacks.hold(deliveryOf(number, content(1)), error("file-exists"), Infinity);
    expect(setbacks.forGood).toBe(3);
    setbacks.delete("d-2");
    setbacks.delete("d-2");
    expect(setbacks.forGood).toBe(2);
    setbacks.clear();
    expect(setbacks.forGood).toBe(0);
  });

  test("for lack of room stays held, and nobody hears of it again, until there is room", () => {
    let hasRoom = false;
    const { setbacks, told, events } = held(() => hasRoom);
    setbacks.add(delivery, error("disk-full"));
    vi.advanceTimersByTime(200_000);
    expect([told, events.map(({ event }) => event)]).toEqual([["failed"], ["retrying"]]);
    hasRoom = true;
    vi.advanceTimersByTime(60_000);
    expect([told, vi.getTimerCount()]).toEqual([["failed", "given back d-1"], 0]);
  });
});

describe("room on a disk", () => {
  const KiB = 1024;
  /** A disk of 100 MiB with so many bytes free. */
  function diskWith(freeBytes: () => number) {
    replaceSync("statfsSync", () => () => ({ bsize: 1, blocks: 100 * MiB, bavail: freeBytes() }));
    return new TargetRoom("/nowhere");
  }
  const file = (number: number, size: number, kind?: string) => ({ ...deliveryOf(number, content(0)), size, kind });

  test("is taken by what is on its way, and given back by what is over, whatever became of it", () => {
    const room = diskWith(() => 20 * MiB);
    room.take(file(1, 10 * MiB));
    expect(() => room.take(file(2, 10 * MiB))).toThrow(/does not fit/);
    room.over("d-2"); // it had taken nothing
    expect(room.hasRoom(file(2, 10 * MiB))).toBe(false);
    room.over("d-1");
    room.take(file(2, 10 * MiB));
    room.over("d-2");
    room.over("d-2");
    expect(room.hasRoom(file(3, 18 * MiB))).toBe(true);
    expect(room.hasRoom(file(3, 19 * MiB))).toBe(false); // the reserve: a 64th of a disk of 100 MiB
  });

  test("is not taken twice by a large file that is on the disk, but by a folder until it is unpacked", () => {
    let free = 40 * MiB;
    const room = diskWith(() => free);
    room.take(file(1, 10 * MiB));
    free -= 10 * MiB;
    room.arrived(file(1, 10 * MiB));
    expect(room.hasRoom(file(2, 28 * MiB))).toBe(true);
    room.take(file(3, 10 * MiB, "tar"));
    free -= 10 * MiB;
    room.arrived(file(3, 10 * MiB, "tar"));
    expect(room.hasRoom(file(2, 8 * MiB))).toBe(true);
    expect(room.hasRoom(file(2, 9 * MiB))).toBe(false);
    room.over("d-3");
    expect(room.hasRoom(file(2, 18 * MiB))).toBe(true);
  });

  test("that a connection took is free on the next", () => {
    const room = diskWith(() => 20 * MiB);
    for (let number = 0; number < 250; number++) room.take(file(number, 60 * KiB));
    expect(room.hasRoom(file(1, 10 * MiB))).toBe(false);
    room.reset();
    expect(room.hasRoom(file(1, 10 * MiB))).toBe(true);
  });

  test("is left for small files by large ones, and for the journal by small ones", () => {
    const room = diskWith(() => 1 * MiB);
    expect([room.hasRoom(file(1, 100 * KiB)), room.hasRoom(file(1, 60 * KiB))]).toEqual([false, true]);
    for (let number = 0; number < 10; number++) room.take(file(number, 60 * KiB));
    expect(() => room.take(file(10, 60 * KiB))).toThrow(/does not fit/); // 400 KiB are a 256th of the disk
  });

  test("is there where the disk does not say how large it is, or says nothing", () => {
    replaceSync("statfsSync", () => () => ({ bsize: 4096, blocks: 0, bavail: 0 }));
    expect(new TargetRoom("/nowhere").hasRoom(file(1, 2 ** 50))).toBe(true);
    replaceSync("statfsSync", () => () => {
      throw diskError("ENOSYS");
    });
    expect(new TargetRoom("/nowhere").hasRoom(file(1, 2 ** 50))).toBe(true);
  });
});

test.each([
  ["EFBIG", "target-refused", 2],
  ["EDQUOT", "disk-full", 0],
])("a run that waits tries a file again that a disk refused with %s, while others land", async (code, name, times) => {
  const work = new Workspace();
  const { port, events, spool } = await work.serve();
  await work.send({ port, files: [work.write("big", content(300 * 1024)), work.write("small", "small")] }).done;
  // As Node says it: it has no name for a quota that is used up.
  const numbers: Record<string, object> = { EDQUOT: { code: "Unknown system error -122", errno: -122 } };
  await replaceFileMethod("writev", () => () => Promise.reject(Object.assign(diskError(code), numbers[code])));
  const receiver = work.receive({ port, waitMs: 1500, retryMs: 0 });
  expect(await receiver.done).toMatchObject({ landed: 1, failures: [{ code: name }] });
  expect(receiver.events.all("retrying").map(({ delayMs }) => delayMs)).toEqual([1000]);
  expect(receiver.events.all("refused")).toHaveLength(1);
  const reasons = events.all("returned").map(({ reason }) => reason);
  expect(reasons.filter((reason) => reason.startsWith("the receiver's disk"))).toHaveLength(times);
  expect([await spool.dead("default"), spool.waiting("default"), work.list()]).toEqual([
    [],
    1,
    [`.filespool-${events.all("stored")[0]?.transfer}.part`, "small"],
  ]);
});
