/**
 * Faults of accounting: what a spool holds in memory, counts or sets aside, and what must lower, cancel or remove it. The
 * laws of order and content held very well where these survived, so each of them has a test of its own.
 */
import type { Mutant } from "./found.ts";

const bounds = "test/spool/bounds-after-failure.test.ts";
const history = "test/spool/bounds-history.test.ts";
const contract = "test/spool/contract.test.ts";
const expiry = "test/spool/local-expiry.test.ts";

export const ACCOUNTS: readonly Mutant[] = [
  {
    name: "a reservation ends before the index counts the file",
    ...{
      file: "src/spool/local/totals.ts",
      from: "    if (times !== 0) move.onCounted?.(times);\n",
      to: "    if (times === 1) move.onCounted?.(times);\n    if (times === -1) setImmediate(() => move.onCounted?.(-1));\n",
    },
    noticedBy: bounds,
  },
  {
    name: "a reservation is given up before the reserve is asked",
    ...{
      file: "src/spool/local/uploads.ts",
      from: "    return index\n      .store(entry, (times)",
      to: "    room.counted(slot, 1);\n    queueMicrotask(() => room.counted(slot, -1));\n    return index\n      .store(entry, (times)",
    },
    noticedBy: bounds,
  },
  {
    name: "what is collected gives up its bytes before that is on disk",
    ...{
      file: "src/spool/local/totals.ts",
      from: 'else if (into === undefined && step === "done") this.bytes -= size;',
      to: "else if (into === undefined) this.bytes -= times * size;",
    },
    noticedBy: bounds,
  },
  {
    name: "what is collected gives up its place in the queue before that is on disk",
    ...{
      file: "src/spool/local/totals.ts",
      from: "return this.of(home)[0] + (this.#changing.get(home)?.leaving ?? 0);",
      to: "return this.of(home)[0];",
    },
    noticedBy: bounds,
  },
  {
    name: "a queue whose changes are over stays in memory",
    ...{
      file: "src/spool/local/totals.ts",
      from: "    if (changing.moves === 0) this.#changing.delete(home);\n",
      to: "",
    },
    noticedBy: history,
  },
  {
    name: "a queue without unfinished uploads stays in memory",
    ...{
      file: "src/spool/local/totals.ts",
      from: "    else this.#unfinished.delete(queue);\n",
      to: "    else this.#unfinished.set(queue, 0);\n",
    },
    noticedBy: history,
  },
  {
    name: "a stream's bytes do not lower the room on the disk between two sweeps",
    ...{
      file: "src/spool/local/room.ts",
      from: "    this.#expectedBytes += more;\n    this.#freeBytes -= more;",
      to: "    this.#expectedBytes += more;",
    },
    noticedBy: "test/spool/disk-full.test.ts",
  },
  {
    name: "an upload's bytes do not lower the room on the disk between two sweeps",
    ...{ file: "src/spool/local/room.ts", from: "    this.#freeBytes -= slot.reserved;\n", to: "" },
    noticedBy: "test/spool/disk-full.test.ts",
  },
  {
    name: "what is on disk of an upload is expected for ever",
    ...{ file: "src/spool/local/room.ts", from: "    this.#expectedBytes -= bytes - slot.durable;\n", to: "" },
    noticedBy: history,
  },
  {
    name: "what an upload that is over expected is expected for ever",
    ...{ file: "src/spool/local/room.ts", from: "    this.#expectedBytes -= slot.reserved - slot.durable;\n", to: "" },
    noticedBy: history,
  },
  {
    name: "room asked of the reserve is not given back after a failed commit",
    ...{
      file: "src/spool/local/group-commit.ts",
      from: "    } finally {\n      reserve.done(asked);\n    }",
      to: "    }\n    reserve.done(asked);",
    },
    noticedBy: "test/spool/group-commit.test.ts",
  },
  {
    name: "queues that a receiver left are never forgotten",
    ...{
      file: "src/spool/local/active-queues.ts",
      from: "      this.of(home).listeners.delete(listener);\n      this.forgetIdle(home);",
      to: "      this.of(home).listeners.delete(listener);",
    },
    noticedBy: history,
  },
  {
    name: "queues in which something came back are never forgotten",
    ...{
      file: "src/spool/local/active-queues.ts",
      from: "    this.arrived(home);\n    this.forgetIdle(home);",
      to: "    this.arrived(home);",
    },
    noticedBy: "test/spool/returning.test.ts",
  },
  {
    name: "queues in which there was nothing to lease are never forgotten",
    ...{
      file: "src/spool/local/queues.ts",
      from: "    this.#active.forgetIdle(queue);\n    return null;",
      to: "    return null;",
    },
    noticedBy: history,
  },
  {
    name: "queues whose last file was taken off are never forgotten",
    ...{
      file: "src/spool/local/active-queues.ts",
      from: "    this.of(home).order.leave(sequence);\n    this.forgetIdle(home);",
      to: "    this.of(home).order.leave(sequence);",
    },
    noticedBy: history,
  },
  {
    name: "the removal of content is remembered for ever",
    ...{
      file: "src/spool/local/contents.ts",
      from: "    void removal.then(() => this.#removals.delete(removal));\n",
      to: "",
    },
    noticedBy: history,
  },
  {
    name: "a failure that was written down counts as under way for ever",
    ...{
      file: "src/spool/local/queues.ts",
      from: "return written.finally(() => returning.delete(over));",
      to: "return written;",
    },
    noticedBy: "test/spool/returning.test.ts",
  },
  {
    name: "acks that failed are remembered as done",
    ...{
      file: "src/spool/local/queues.ts",
      from: "    ack.catch(() => this.#acks.delete(token));\n",
      to: "    ack.catch(() => {});\n",
    },
    noticedBy: "test/spool/local.test.ts",
  },
  {
    name: "a collected file keeps its row among the ages",
    ...{ file: "src/spool/local/index.ts", from: "    this.ages.remove(sinceMs, position);\n", to: "" },
    noticedBy: history,
    simulated: "plans",
  },
  {
    name: "a row of the ages whose file is gone stays for ever",
    ...{ file: "src/spool/local/sweep.ts", from: "    await tried(index.ages.forget(files.gone));\n", to: "" },
    noticedBy: expiry,
  },
  {
    name: "a sweep looks at the same files each second",
    ...{
      file: "src/spool/local/sweep.ts",
      from: "    this.#lookedAt = rows.length < LOOKED_MAX ? null : (rows.at(-1)?.age ?? null);\n",
      to: "",
    },
    noticedBy: expiry,
  },
  {
    name: "a sweep looks at the same uploads each second",
    ...{
      file: "src/spool/local/room.ts",
      from: "      this.slots.delete(slot.offer.transfer);\n      this.slots.set(slot.offer.transfer, slot);",
      to: "      this.slots.set(slot.offer.transfer, slot);",
    },
    noticedBy: expiry,
  },
  {
    name: "a sweep forgets what it has done when something failed",
    ...{
      file: "src/spool/local/sweep.ts",
      from: "        failures.push(error);\n        return [];",
      to: "        throw error;",
    },
    noticedBy: expiry,
  },
  {
    name: "more transfers are remembered than may be",
    ...{
      file: "src/spool/local/sweep.ts",
      from: "return early > 0 ? old + (await index.forget(Infinity, early)) : old;",
      to: "return early > 0 ? old : old;",
    },
    noticedBy: contract,
  },
  {
    name: "room inside the index is not counted on",
    ...{
      file: "src/spool/local/disk-reserve.ts",
      from: "if (!isNote || !this.#fitsInside(asked)) {",
      to: "if (asked > 0) {",
    },
    noticedBy: "test/spool/disk-reserve.test.ts",
  },
  {
    name: "what is wrong with the disk is never known to be mended",
    ...{ file: "src/spool/local/group-commit.ts", from: "      this.trouble = null;\n", to: "" },
    noticedBy: bounds,
  },
];
