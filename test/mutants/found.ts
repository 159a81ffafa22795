/**
 * Faults that were in the code once: found by the simulation, the power test or the crash matrix, and mended since. They
 * are planted again like all others (table.ts), so that they stay found.
 */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** A test file that must fail. */
  readonly noticedBy: string;
  /** The simulation must notice, too: in random plans, or in those that end a program at every single step. */
  readonly simulated?: "plans" | "steps";
}

const simulation = "test/simulation/simulation.test.ts";

export const FOUND: readonly Mutant[] = [
  {
    name: "the name of a new spool is not synced",
    ...{
      file: "src/spool/local/parts.ts",
      from: "await makeFolder(made, sync, 0o700);",
      to: "await makeFolder(made, false, 0o700);",
    },
    noticedBy: "test/power/power.test.ts",
  },
  {
    name: "the folders above a new one are not synced",
    ...{
      file: "src/disk/files.ts",
      from: "at.length >= last.length",
      to: "at === resolve(folder)",
    },
    noticedBy: "test/power/power.test.ts",
  },
  {
    name: "a new index has its name before it is on disk",
    ...{ file: "src/spool/local/index-file.ts", from: "if (sync) await syncFolder(unnamed);", to: "" },
    noticedBy: "test/power/power.test.ts",
  },
  {
    name: "a part loses its name before that of the file is on disk",
    ...{
      file: "src/net/receiver/landing.ts",
      from: "      if (this.sync) await syncFolder(this.folder); // 4. names on disk\n      for (const linked of named.linked) tellWhole(linked); // 5. for programs that watch\n      removeParts(named.linked.map(({ part }) => part)); // 6. no second names\n",
      to: "      for (const linked of named.linked) tellWhole(linked);\n      removeParts(named.linked.map(({ part }) => part));\n      if (this.sync) await syncFolder(this.folder);\n",
    },
    noticedBy: "test/net/landing-order.test.ts",
    simulated: "steps",
  },
  {
    name: "a second delivery does not wait until the first has landed",
    ...{
      file: "src/net/receiver/receive-conversation.ts",
      from: "    if (attempt > 1) await this.#landingQueue.idle();\n",
      to: "    void attempt;\n",
    },
    noticedBy: "test/net/second-delivery.test.ts",
  },
  {
    name: "an ack under way on another connection does not count",
    ...{
      file: "src/spool/local/queue-order.ts",
      from: "    let files = this.#inFlight.size;",
      to: "    let files = 0;",
    },
    noticedBy: "test/net/verdict.test.ts",
  },
  {
    name: "a receiver's own deliveries are told as those of others",
    ...{
      file: "src/net/server/delivery-session.ts",
      from: "inFlight(this.#queue, this.#open.tokens())",
      to: "inFlight(this.#queue, [])",
    },
    noticedBy: "test/net/verdict.test.ts",
  },
  {
    name: "an operator takes a file whose record is moving",
    ...{
      file: "src/spool/local/queues.ts",
      from: "if (token !== undefined && !this.#endLease(token)) return false;",
      to: "if (token !== undefined) this.#endLease(token);",
    },
    noticedBy: "test/spool/moving.test.ts",
  },
  {
    name: "a file is free as soon as its lease has ended",
    ...{
      file: "src/spool/local/queues.ts",
      from: "    const { returning } = this.#active.of(leased.home);\n",
      to: "    const { returning, order } = this.#active.of(leased.home);\n    order.giveBack(leased.sequence);\n",
    },
    noticedBy: "test/spool/moving.test.ts",
  },
  {
    name: "a queue is called empty while a failed attempt is being written down",
    ...{
      file: "src/spool/local/queues.ts",
      from: "if (returning.size > 0) return Promise.race(returning).then(() => this.lease(queue));",
      to: "",
    },
    noticedBy: "test/net/verdict.test.ts",
    simulated: "plans",
  },
  {
    name: "a part whose sync failed is gone on with",
    ...{
      file: "src/net/receiver/part-file.ts",
      from: 'if (failure?.code === "EIO") await rm(this.part, { force: true });',
      to: "void failure;",
    },
    noticedBy: "test/net/failing-disk.test.ts",
  },
  // What a killed receiver leaves is in memory only.
  {
    name: "what a killed receiver had landed is acked before its name is on disk",
    ...{
      file: "src/net/receiver/landing-journal.ts",
      from: "if (this.#sync) await syncFolder(this.#folder);\n    const missing",
      to: "const missing",
    },
    noticedBy: simulation,
    simulated: "steps",
  },
  {
    name: "what a killed receiver had announced and not landed is not retracted",
    ...{
      file: "src/net/receiver/landing-journal.ts",
      from: "if (missing.size > 0) await this.retract([...missing]);",
      to: "for (const each of missing) this.#unconfirmed.delete(each);",
    },
    noticedBy: "test/net/journal-doubts.test.ts",
  },
  {
    name: "a power cut may bring back a journal that was replaced",
    ...{
      file: "src/net/receiver/landing-journal.ts",
      from: "if (this.#sync && this.#old.length > 0) await syncFolder(this.#folder);",
      to: "",
    },
    noticedBy: "test/net/journal-doubts.test.ts",
  },
  {
    name: "a landing that could be neither finished nor retracted is in no doubt",
    ...{
      file: "src/net/receiver/landing.ts",
      from: "this.#journal.doubt(delivery.transfer, index < landed.length ? part : null);",
      to: "",
    },
    noticedBy: "test/net/journal-doubts.test.ts",
  },
  {
    name: "what a killed receiver had written is not synced",
    ...{ file: "src/net/receiver/part-file.ts", from: "if (sync && have > 0) await handle.datasync();", to: "" },
    noticedBy: "test/net/landing-order.test.ts",
  },
  {
    name: "the index is asked to write on a full disk",
    ...{ file: "src/spool/local/group-commit.ts", from: "this.options.reserve.ask(adds)", to: "adds" },
    noticedBy: "test/spool/disk-reserve.test.ts",
  },
  {
    name: "sums in the index are believed after a failed commit and a crash",
    ...{ file: "src/spool/local/index.ts", from: "waiting.files + dead.files !== entryCount", to: "entryCount < 0" },
    noticedBy: "test/spool/recount.test.ts",
  },
  {
    name: "what a failed group was to write stays counted",
    ...{
      file: "src/spool/local/group-commit.ts",
      from: '      for (const move of moves) count(move, "failed");\n',
      to: "",
    },
    noticedBy: "test/spool/group-commit.test.ts",
  },
  {
    name: "a small file gets its name before its content is synced",
    ...{
      file: "src/net/receiver/small-file.ts",
      from: "if (this.#sync) await (hasMore ? syncAll(fd) : syncData(fd));",
      to: "if (this.#fd === -1) await (hasMore ? syncAll(fd) : syncData(fd));",
    },
    noticedBy: "test/net/landing-order.test.ts",
    simulated: "plans",
  },
];
