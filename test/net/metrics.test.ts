import { expect, test } from "vitest";
import { createDigest } from "../../src/disk/digest.ts";
import type { ServerEvent } from "../../src/net/events.ts";
import {
  FullestQueues,
  OTHER,
  QUEUES_SHOWN,
  type QueueSource,
  SLICE,
} from "../../src/net/extensions/observe/fullest-queues.ts";
import { Metrics } from "../../src/net/extensions/observe/metrics.ts";
import { type Timing, timedSpool } from "../../src/net/extensions/observe/timed-spool.ts";
import { ERRORS, type ErrorCode, FilespoolError } from "../../src/protocol/errors.ts";
import { MemorySpool } from "../../src/spool/memory-spool.ts";
import { content } from "../support/content.ts";
import { Workspace } from "../support/workspace.ts";

type Totals = Map<string, readonly [number, number]>;

/** Queues as a spool tells of them. */
const sourceOf = (totals: Totals): QueueSource => ({
  rows: (after, limit) => {
    const homes = [...totals.keys()].sort().filter((home) => after === null || home > after);
    return homes.slice(0, limit).map((home) => ({ home, total: totals.get(home) ?? [0, 0] }));
  },
  of: (home) => totals.get(home) ?? [0, 0],
  get sums() {
    const sum = (isDead: boolean) => {
      const of = [...totals].filter(([home]) => home.startsWith("!dead/") === isDead).map(([, total]) => total);
      return {
        files: of.reduce((all, [files]) => all + files, 0),
        bytes: of.reduce((all, [, bytes]) => all + bytes, 0),
      };
    };
    return { waiting: sum(false), dead: sum(true) };
  },
});

function metricsOf(queues: Totals = new Map()) {
  const facts = { version: "1.2.3", durability: "fsync" };
  const traffic = { received: 70, sent: 30 };
  const sources = {
    queues: () => sourceOf(queues),
    unfinishedUploads: () => 4,
    spoolBytes: () => 5,
    diskFreeBytes: async () => 6,
    traffic: () => traffic,
  };
  return new Metrics(sources, facts);
}

/** The values of a scrape, by name and labels as they are written. */
async function scraped(metrics: Metrics): Promise<Record<string, number>> {
  const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
  );
}

const about = { transfer: "0".repeat(32), queue: "q", name: "secret-name.txt", size: 100 };
const from = { connection: 1, peer: "127.0.0.9:1" };

test("each event is counted where it belongs, and a repeated file adds no bytes", async () => {
  const metrics = metricsOf();
  const events: ServerEvent[] = [
    { event: "listening", host: "localhost", port: 1 },
    { event: "connected", ...from, role: "sender" },
    { event: "connected", ...from, connection: 2, role: "receiver", queue: "q" },
    { event: "disconnected", ...from, connection: 2, role: "receiver", code: "stalled", message: "slow" },
    // One that never said hello was never counted as open.
    { event: "disconnected", ...from, connection: 3, role: "sender", code: "not-filespool", message: "GET /" },
    { event: "resumed", ...from, ...about, offset: 50 },
    { event: "stored", ...from, ...about, digest: "d", repeated: false },
    { event: "stored", ...from, ...about, digest: "d", repeated: true },
    { event: "refused", ...from, ...about, code: "disk-full", message: "full" },
    { event: "delivered", ...from, ...about, attempt: 1 },
    { event: "returned", ...from, ...about, reason: "no", dead: false },
    { event: "returned", ...from, ...about, reason: "no", dead: true },
    { event: "acked", ...from, ...about },
    { event: "error", code: "spool-unusable", message: "gone" },
    { event: "draining", connections: 1 },
  ];
  for (const event of events) metrics.observe(event);
  expect(await scraped(metrics)).toMatchObject({
    'filespool_connections{role="sender"}': 1,
    'filespool_connections{role="receiver"}': 0,
    'filespool_connections_total{role="receiver"}': 1,
    'filespool_connections_broken_total{code="stalled"}': 1,
    'filespool_connections_broken_total{code="not-filespool"}': 1,
    filespool_transfers_resumed_total: 1,
    filespool_transfers_stored_total: 1,
    filespool_transfers_repeated_total: 1,
    filespool_stored_bytes_total: 100,
    'filespool_transfers_refused_total{code="disk-full"}': 1,
    filespool_deliveries_total: 1,
    filespool_deliveries_returned_total: 2,
    filespool_transfers_dead_total: 1,
    filespool_transfers_collected_total: 1,
    filespool_collected_bytes_total: 100,
    'filespool_errors_total{code="spool-unusable"}': 1,
    filespool_draining: 1,
    filespool_received_bytes_total: 70,
    filespool_sent_bytes_total: 30,
    filespool_unfinished_uploads: 4,
    filespool_spool_used_bytes: 5,
    filespool_disk_free_bytes: 6,
    'filespool_info{version="1.2.3",durability="fsync"}': 1,
  });
  // A second scrape says the same: nothing is counted by being looked at.
  expect((await scraped(metrics)).filespool_transfers_stored_total).toBe(1);
  const text = await metrics.text();
  for (const private_ of [about.name, about.transfer, from.peer]) expect(text).not.toContain(private_);
});

test("everything that is counted is there before it happens, and a label has no other values than those", async () => {
  const metrics = metricsOf();
  const counters = async () =>
    Object.entries(await scraped(metrics)).filter(([name]) => /^filespool_.*_total/.test(name));
  const before = await counters();
  const own = before.filter(([name]) => !/_(received|sent)_bytes_total$/.test(name));
  expect(own.filter(([, value]) => value !== 0)).toEqual([]);
  const codes = Object.keys(ERRORS).length;
  for (const name of ["transfers_refused", "connections_broken", "errors"])
    expect(own.filter(([line]) => line.startsWith(`filespool_${name}_total{code="`))).toHaveLength(codes);
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    metrics.observe({ event: "refused", ...from, ...about, code, message: "" });
    metrics.observe({ event: "turned-away", code, message: "", connections: 2, peer: "" });
    metrics.observe({ event: "error", code, message: "" });
  }
  expect((await counters()).map(([name]) => name)).toEqual(before.map(([name]) => name));
});

test("however many queues there are, a scrape has a bounded number of lines, and the sums are right", async () => {
  const queues: Totals = new Map();
  for (let i = 1; i <= 5000; i++) queues.set(`queue ${i}`, [i, 10 * i]).set(`!dead/queue ${i}`, [1, 10]);
  const text = await metricsOf(queues).text();
  expect(text.split("\n").filter((line) => /queue="/.test(line)).length).toBe(3 * (QUEUES_SHOWN + 1));
  const fullest = new FullestQueues(sourceOf(queues));
  for (const kind of ["waiting", "dead"] as const) {
    const shown = await fullest.of(kind);
    const sum = (at: 0 | 1) => shown.reduce((total, [, numbers]) => total + numbers[at], 0);
    expect([sum(0), sum(1)]).toEqual(kind === "dead" ? [5000, 50_000] : [12_502_500, 125_025_000]);
  }
  expect((await fullest.of("waiting"))[0]).toEqual(["queue 5000", [5000, 50_000]]);
  expect(await new FullestQueues(sourceOf(new Map([["a", [1, 2]]]))).of("waiting")).toEqual([["a", [1, 2]]]);
});

test("with more queues than one slice holds, which are shown may be old for a while, and no number is", async () => {
  const count = 2 * SLICE + 5;
  const queues: Totals = new Map();
  for (let i = 1; i <= count; i++) queues.set(`queue ${i}`, [i, i]);
  const clock = { nowMs: 0 };
  let rows = 0;
  const source = sourceOf(queues);
  const counted: QueueSource = {
    of: source.of,
    sums: source.sums,
    rows: (after, limit) => {
      rows++;
      return source.rows(after, limit);
    },
  };
  const fullest = new FullestQueues(counted, () => clock.nowMs);
  const first = await fullest.of("waiting");
  expect([first[0], first.length, first.at(-1)?.[0], rows]).toEqual([
    [`queue ${count}`, [count, count]],
    QUEUES_SHOWN + 1,
    OTHER,
    3,
  ]);
  queues.set(`queue ${count}`, [7, 7]).set("new", [count * 2, 0]);
  const again = await fullest.of("waiting");
  expect([again[0], rows]).toEqual([[`queue ${count}`, [7, 7]], 3]);
  clock.nowMs = 15_000;
  expect((await fullest.of("waiting"))[0]).toEqual(["new", [count * 2, 0]]);
});

test("a queue that has become empty has no line any more", async () => {
  const queues: Totals = new Map([["photos", [1, 2]]]);
  const metrics = metricsOf(queues);
  expect(await metrics.text()).toContain('filespool_waiting_files{queue="photos"} 1');
  queues.clear();
  expect(await metrics.text()).not.toContain("photos");
});

test("a timed spool is the spool: same answers, same errors, and a time for each file that was stored or collected", async () => {
  let nowMs = 0;
  const timings: [Timing, number][] = [];
  const plain = new MemorySpool({ now: () => 0, createDigest });
  const spool = timedSpool(plain, { now: () => (nowMs += 10), onTiming: (what, ms) => timings.push([what, ms]) });
  expect([spool.durability, spool.limits, spool.bytesUsed()]).toEqual([plain.durability, plain.limits, 0]);
  const watcher = { onDurable: () => {}, onSuperseded: () => {} };
  const offer = { transfer: "1".repeat(32), queue: "q", name: "a", size: 0, algorithm: "sha256" };
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

  const wrong = await spool.offer(offer, watcher);
  if (wrong.kind !== "upload") throw new Error("it was not stored before");
  await expect(wrong.upload.finish("0".repeat(64))).rejects.toBeInstanceOf(FilespoolError);
  await expect(spool.ack("nobody's")).rejects.toMatchObject({ code: "lease-lost" });
  expect(timings).toEqual([]);

  const answer = await spool.offer(offer, watcher);
  if (answer.kind !== "upload") throw new Error("it was not stored before");
  expect(answer.upload.offset).toBe(0);
  await answer.upload.finish(empty);
  expect(await spool.offer(offer, watcher)).toEqual({ kind: "stored", digest: empty, collected: false });
  const delivery = await spool.lease("q");
  await spool.ack(delivery?.token ?? "");
  expect(timings.map(([what]) => what)).toEqual(["store", "upload", "ack"]);
  for (const [, ms] of timings) expect(ms).toBeGreaterThanOrEqual(10);
  expect(plain.waiting("q")).toBe(0);
});

test("the bytes of all connections, past and present, add up on both sides", async () => {
  const work = new Workspace();
  const { server, port, events } = await work.serve();
  const file = work.write("a.bin", content(300_000));
  await work.send({ port, files: [file] }).done;
  await work.receive({ port }).done;
  await events.waitForCount("disconnected", 2);
  const { received, sent } = server.traffic();
  for (const bytes of [received, sent]) {
    expect(bytes).toBeGreaterThan(300_000);
    expect(bytes).toBeLessThan(310_000);
  }
  const ids = events.all("connected").map(({ connection }) => connection);
  expect(new Set(ids).size).toBe(2);
  expect(events.all("stored").map(({ connection }) => connection)).toEqual([ids[0]]);
  expect(events.all("acked").map(({ connection }) => connection)).toEqual([ids[1]]);
});
