/** A workspace with a folder that is watched: what is put there, and what its watcher tells. */
import { mkdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import type { TransferEvent } from "../../src/net/events.ts";
import { watchFolder } from "../../src/net/extensions/watch/watch-folder.ts";
import type { WatchOptions, WatchSummary } from "../../src/net/extensions/watch/watch-options.ts";
import { Collector } from "./collector.ts";
import { Workspace } from "./workspace.ts";

/** Long before any test. */
export const LONG_AGO = new Date("2026-01-02T03:04:05Z");

export interface Watch {
  readonly events: Collector<TransferEvent>;
  readonly done: Promise<WatchSummary>;
  /** Ends it, and tells what it has done. */
  stop(): Promise<WatchSummary>;
}

/** Ends its watchers with the test. */
export function watchedFolder() {
  const work = new Workspace();
  const box = work.path("box");
  mkdirSync(box);
  const put = (name: string, bytes: Uint8Array | string = name) => {
    writeFileSync(work.path("box", name), bytes);
    return work.path("box", name);
  };
  /** Puts a file there that nobody has written to for long: by a rename, as it should be done. */
  const putWhole = (name: string, bytes: Uint8Array | string = name) => {
    const path = work.write(name, bytes);
    utimesSync(path, LONG_AGO, LONG_AGO);
    renameSync(path, work.path("box", name));
  };
  const watch = (port: number, options: Partial<WatchOptions> = {}): Watch => {
    const events = new Collector<TransferEvent>();
    const over = new AbortController();
    const given = { folder: box, state: work.path("state"), senderKey: "key", settleMs: 50, port };
    const onEvent = (event: TransferEvent) => {
      options.onEvent?.(event);
      events.onEvent(event);
    };
    const done = watchFolder({ ...given, ...options, signal: over.signal, onEvent });
    done.catch(() => {});
    const stop = () => {
      over.abort();
      return done;
    };
    onTestFinished(async () => void (await stop().catch(() => {})));
    return { events, done, stop };
  };
  return { work, box, put, putWhole, watch };
}
