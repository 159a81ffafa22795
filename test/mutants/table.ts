/**
 * Faults to plant, one at a time: what is changed where, and which tests must notice.
 *
 * Each is a mistake that somebody could make in good faith, most of them about an order or a check that costs time and
 * that nothing seems to need. `from` must be in the file exactly once, so that a fault cannot silently become another.
 */
import { ACCOUNTS } from "./accounts.ts";
import { FOLDERS } from "./folders.ts";
import { FOUND, type Mutant } from "./found.ts";
import { LANDING } from "./landing.ts";
import { SECOND_TIME } from "./second-time.ts";
import { SENDING } from "./sending.ts";
import { TARGET } from "./target.ts";
import { TRUST } from "./trust.ts";

const contract = "test/spool/contract.test.ts";
const synced = "test/spool/synced.test.ts";

export const MUTANTS: readonly Mutant[] = [
  // Promise 1: stored means on disk.
  {
    name: "stored is said before the index entry is durable",
    ...{
      file: "src/spool/local/uploads.ts",
      from: "    return index\n      .store(entry, (times) => room.counted(slot, times))\n      .then(() => {",
      to: "    void index.store(entry, (times) => room.counted(slot, times));\n    return Promise.resolve().then(() => {",
    },
    noticedBy: "test/spool/model.test.ts",
    simulated: "plans",
  },
  {
    name: "content is not synced before stored",
    ...{ file: "src/disk/batch-writer.ts", from: "if (this.#options.sync) await this.#handle.datasync();", to: "" },
    noticedBy: synced,
    simulated: "plans",
  },
  {
    name: "the index is not synced",
    ...{
      file: "src/spool/local/index-file.ts",
      from: "overlappingSync: false, noSync: !sync",
      to: "overlappingSync: false, noSync: true",
    },
    noticedBy: synced,
  },
  {
    name: "the folder of the content is not synced",
    ...{
      file: "src/spool/local/contents.ts",
      from: "if (this.#sync) await syncFolder(this.folder);",
      to: "",
    },
    noticedBy: synced,
    simulated: "plans",
  },
  // Promise 2: all or nothing.
  {
    name: "the spool does not compare the digest",
    ...{
      file: "src/spool/local/upload.ts",
      from: "if (found === digest) return null;",
      to: "if (found !== null) return null;",
    },
    noticedBy: contract,
  },
  {
    name: "the receiver does not compare the digest",
    ...{ file: "src/net/receiver/part-file.ts", from: "found !== this.delivery.digest", to: "found === undefined" },
    noticedBy: "test/net/landing.test.ts",
  },
  {
    name: "the receiver does not compare the digest of a small file",
    ...{ file: "src/net/receiver/small-file.ts", from: "found !== this.delivery.digest", to: "found === undefined" },
    noticedBy: "test/net/landing.test.ts",
  },
  {
    name: "the checksum of a payload is not looked at",
    ...{
      file: "src/protocol/decoder.ts",
      from: 'if (this.#sum !== header.payloadSum) throw this.#fail("frame-damaged");',
      to: "",
    },
    noticedBy: "test/protocol/decoder.test.ts",
    simulated: "plans",
  },
  {
    name: "the sender does not notice that its file has changed",
    ...{
      file: "src/net/sender/file-source.ts",
      from: "if (isUnchanged(this.#stat, now)) return;",
      to: "if (now.size >= 0n) return;",
    },
    noticedBy: "test/net/repeat.test.ts",
  },
  // Promise 3: at least once, landed once.
  {
    name: "the receiver acks before the file has landed",
    ...{
      file: "src/net/receiver/receive-conversation.ts",
      from: "    this.#landingQueue.add(file);",
      to: '    this.#connection.send({ type: "ack", delivery: file.delivery.delivery }); this.#landingQueue.add(file);',
    },
    noticedBy: "test/net/failing-disk.test.ts",
    simulated: "plans",
  },
  {
    name: "the journal is not written before landing",
    ...{
      file: "src/net/receiver/landing-journal.ts",
      from: "await this.#write(entries);",
      to: "",
    },
    noticedBy: "test/net/journal.test.ts",
    simulated: "plans",
  },
  {
    name: "a hook that a dead receiver owed is forgotten",
    ...{
      file: "src/net/extensions/hook/hooked-landing.ts",
      from: "if (!hasLanded && !isTakenBack) return path === null;",
      to: "if (path !== undefined) return true;",
    },
    noticedBy: "test/net/hook.test.ts",
  },
  {
    name: "a hook that failed runs again at once",
    ...{ file: "src/net/extensions/hook/hooked-landing.ts", from: "await this.#pause.over();", to: "" },
    noticedBy: "test/net/hook.test.ts",
  },
  {
    name: "the folder is not synced after the files got their names",
    ...{
      file: "src/net/receiver/landing.ts",
      from: "if (this.sync) await syncFolder(this.folder); // 4. names on disk",
      to: "",
    },
    noticedBy: "test/net/landing-order.test.ts",
    simulated: "plans",
  },
  {
    name: "an ack that is repeated is an error",
    ...{ file: "src/spool/local/queues.ts", from: "if (before) return before;", to: "" },
    noticedBy: contract,
  },
  {
    name: "what was collected is not remembered",
    ...{ file: "src/spool/local/index.ts", from: "    this.#place(file, true, { ending, endedAtMs });", to: "" },
    noticedBy: contract,
    simulated: "plans",
  },
  {
    name: "an ack does not take the lease's file off the queue durably",
    ...{ file: "src/spool/local/index.ts", from: "    this.#db.entries.remove(position);\n", to: "" },
    noticedBy: "test/spool/model.test.ts",
    simulated: "plans",
  },
  // Promise 4: order.
  {
    name: "what comes back goes to the tail",
    ...{
      file: "src/spool/local/queue-order.ts",
      from: "this.#redelivery.splice(placeIn(this.#redelivery, sequence), 0, sequence);",
      to: "this.#redelivery.push(sequence);",
    },
    noticedBy: contract,
    simulated: "plans",
  },
  // Promise 5: resume.
  {
    name: "an upload goes on behind what is durable",
    ...{
      file: "src/spool/local/upload.ts",
      from: "this.offset = this.#taken = durable;",
      to: "this.#taken = durable; this.offset = Math.max(0, durable - 1);",
    },
    noticedBy: "test/spool/model.test.ts",
    simulated: "plans",
  },
  {
    name: "an offset is told before it is written down",
    ...{
      file: "src/spool/local/upload.ts",
      from: "await this.#home.recordUpload(this.#slot, offset); // 2.",
      to: "void this.#home.recordUpload(this.#slot, offset); // 2.",
    },
    noticedBy: "test/spool/order.test.ts",
    simulated: "plans",
  },
  // Promise 6: the newest wins.
  {
    name: "a newer connection does not end the older one",
    ...{ file: "src/net/server/server.ts", from: 'older?.destroy(new FilespoolError("superseded"));', to: "" },
    noticedBy: "test/net/fencing.test.ts",
  },
  {
    name: "a lease that has ended can still be used",
    ...{
      file: "src/spool/leases.ts",
      from: "    const held = this.#held.get(token);\n    this.#held.delete(token);\n    return held?.item ?? null;",
      to: "    return this.#held.get(token)?.item ?? null;",
    },
    noticedBy: contract,
  },
  // Promise 7: bounds.
  {
    name: "a cancelled upload keeps its reservation",
    ...{
      file: "src/spool/local/room.ts",
      from: "    this.becameFile(slot);\n    this.#reserve(slot, -1);",
      to: "    this.becameFile(slot);",
    },
    noticedBy: contract,
  },
  {
    name: "a connection that has gone silent is never given up",
    ...{
      file: "src/net/wire/deadlines.ts",
      from: "this.#listening && nowMs - this.#heardMs > idleMs",
      to: "nowMs < 0 && idleMs < 0",
    },
    noticedBy: "test/net/patience.test.ts",
  },
  {
    name: "the server hands out more than it was asked for",
    ...{ file: "src/net/server/delivery-session.ts", from: "      this.#credit--;\n", to: "" },
    noticedBy: "test/net/fencing.test.ts",
  },
  // Promise 9: hostile names.
  {
    name: "a link in the target folder is followed",
    ...{
      file: "src/net/receiver/small-file.ts",
      from: "const CREATE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;",
      to: "const CREATE = O_WRONLY | O_CREAT;",
    },
    noticedBy: "test/net/landing.test.ts",
  },
  {
    name: "a name may hold a path",
    ...{
      file: "src/protocol/names.ts",
      from: 'if (wireName.includes("/") || wireName.includes("\\0"))',
      to: 'if (wireName.includes("\\0"))',
    },
    noticedBy: "test/protocol/names.test.ts",
  },
  ...FOLDERS,
  ...LANDING,
  ...FOUND,
  ...SECOND_TIME,
  ...ACCOUNTS,
  ...SENDING,
  ...TARGET,
  ...TRUST,
];
