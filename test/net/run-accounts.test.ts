/** What a receiving run counts: the files that it asks for, those that it has, and those that did not land. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../../src/net/client/client.ts";
import type { TransferEvent } from "../../src/net/events.ts";
import { ReceiveWindow, WINDOW } from "../../src/net/receiver/receive-window.ts";
import { Tally } from "../../src/net/receiver/tally.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { content } from "../support/content.ts";
import { deliveryOf } from "../support/landings.ts";

describe("the window of a receiver", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A window, and how often it said that the run is over. */
  function windowOf(
    options: { readonly count?: number; readonly waitMs?: number; readonly follow?: boolean },
    done = 0,
  ) {
    const over = { times: 0 };
    const window = new ReceiveWindow({ out: "", ...options }, done, () => {
      over.times++;
    });
    return { window, over };
  }

  test("asks for what --count names and no more, and again for each that does not land", () => {
    const { window } = windowOf({ count: 3 }, 1);
    expect([window.ask(0), window.ask(0)]).toEqual([2, 0]);
    window.delivered();
    window.failed();
    expect(window.ask(0)).toBe(0); // one that was asked for is still to come
    window.delivered();
    expect([window.ask(1), window.ask(1)]).toEqual([1, 0]);
  });

  test("asks in portions, and never for more than may be without a verdict", () => {
    const { window } = windowOf({});
    expect(window.ask(10)).toBe(WINDOW - 10);
    for (let file = 0; file < WINDOW / 4 - 1; file++) window.delivered();
    expect(window.ask(10)).toBe(0);
    window.delivered();
    expect(window.ask(10)).toBe(WINDOW / 4);
    expect(window.ask(WINDOW)).toBe(0);
  });

  test("ends with what was not asked for", () => {
    const { window } = windowOf({ count: 1 });
    window.ask(0);
    window.delivered();
    expect(() => window.delivered()).toThrow(/not asked for/);
  });

  test("waits as long as --wait says for the next file, and not any more when one comes", () => {
    const { window, over } = windowOf({ waitMs: 1000 });
    window.ask(0);
    window.isEmpty = true;
    window.endIfDone(0, 0);
    vi.advanceTimersByTime(999);
    window.delivered();
    vi.advanceTimersByTime(10_000);
    expect([over.times, window.isEmpty]).toEqual([0, false]);
    window.endIfDone(1, 0); // the queue was not found empty since
    vi.advanceTimersByTime(10_000);
    expect(over.times).toBe(0);
    window.isEmpty = true;
    window.endIfDone(1, 0);
    window.endIfDone(1, 0); // one clock, however often it is asked
    vi.advanceTimersByTime(1000);
    expect(over.times).toBe(1);
  });

  test("waits for months, where that is asked for", () => {
    const dayMs = 86_400_000;
    const { window, over } = windowOf({ waitMs: 60 * dayMs });
    window.isEmpty = true;
    window.endIfDone(0, 0);
    vi.advanceTimersByTime(60 * dayMs - 1);
    expect(over.times).toBe(0);
    vi.advanceTimersByTime(1);
    expect(over.times).toBe(1);
  });

  test("ends no run that follows its queue, and one whose window is full of files that may not land here", () => {
    const { window, over } = windowOf({ follow: true });
    window.isEmpty = true;
    window.endIfDone(5, WINDOW - 1);
    expect(over.times).toBe(0);
    window.endIfDone(5, WINDOW);
    expect(over.times).toBe(1);
  });

  test("that is closed ends nothing later", () => {
    const { window, over } = windowOf({ waitMs: 1000 });
    window.isEmpty = true;
    window.endIfDone(0, 0);
    window.close();
    vi.advanceTimersByTime(10_000);
    expect(over.times).toBe(0);
  });
});

test("the sum of a run has each file once, and none among the failures that landed in the end", () => {
  const events: TransferEvent[] = [];
  const client = { emit: (event: TransferEvent) => void events.push(event) } as Client;
  const tally = new Tally({ out: "", retryMs: 0 }, client);
  const [a, b, c] = [1, 2, 3].map((number) => deliveryOf(number, content(number * 100))) as [
    ReturnType<typeof deliveryOf>,
    ReturnType<typeof deliveryOf>,
    ReturnType<typeof deliveryOf>,
  ];
  for (const { transfer } of [a, c]) tally.failures.add(transfer, new FilespoolError("file-exists", "there"), false);
  tally.landed(a, "/out/a");
  tally.landed(b, null);
  tally.elsewhere = 4;
  expect(tally.done).toBe(2);
  expect(tally.summary()).toEqual({
    ...{ landed: 1, skipped: 1, elsewhere: 4, bytes: 100 },
    failures: [expect.objectContaining({ code: "file-exists" })],
  });
  expect(events).toMatchObject([
    { event: "landed", transfer: a.transfer, path: "/out/a", skipped: false },
    { event: "landed", transfer: b.transfer, path: "", skipped: true },
  ]);
});
