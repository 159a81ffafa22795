/**
 * Storing a file, step by step, in the order of src/spool/local/upload.ts, and three orders that are mistakes.
 *
 * One data structure: what a step does to the disk, the decision and the test behind it, and what a restart makes of what
 * it finds. Invariants, tested: no crash breaks the promise in our order, some crash does in each wrong one.
 */
import type { Scenario } from "./scenario.ts";

const SYNCED = { file: "test/spool/synced.test.ts", title: "stored is said only after content and index were synced" };
const CUT = { file: "test/power/power.test.ts", title: "no power cut takes from a spool what it has promised" };
const LOCAL = "test/spool/local.test.ts";

export const STORE: Scenario = {
  title: "Storing a file (server)",
  promise:
    "After \u201cstored\u201d the file is in its queue, whole; after \u201cprogress\u201d the upload goes on from there.",
  facts: {
    name: "data/<transfer>, the name of the file",
    first: "the first 16 MiB of its content",
    offset: "index: durable offset 16 MiB",
    rest: "the rest of its content",
    entry: "index: the file's place in its queue",
  },
  steps: [
    {
      id: "open",
      does: "Take the offer; create data/<transfer>",
      writes: ["name"],
      adr: "0013",
      test: { file: LOCAL, title: "opening removes content that nothing points to, and nothing else" },
    },
    {
      id: "write",
      does: "Write the first 16 MiB, gathered into whole buffers",
      writes: ["first"],
      adr: "0010",
      test: {
        file: "test/disk/batch-writer.test.ts",
        title: "nothing is written before there is a whole batch, and then it is one write",
      },
    },
    {
      id: "sync-first",
      does: "fdatasync the content so far",
      syncs: ["first"],
      adr: "0010",
      test: {
        file: "test/disk/batch-writer.test.ts",
        title: "the synced offset is said after the sync, only grows, and further writes wait until it is written down",
      },
    },
    { id: "sync-name", does: "fsync the folder: now the name would survive", syncs: ["name"], adr: "0015", test: CUT },
    {
      id: "record",
      does: "Commit the durable offset to the index, flushed",
      writes: ["offset"],
      syncs: ["offset"],
      adr: "0012",
      test: {
        file: "test/spool/order.test.ts",
        title: "an offset is told to the sender only when it was written down, however long that takes",
      },
    },
    {
      id: "progress",
      does: "Say \u201cprogress\u201d to the sender",
      says: "progress",
      adr: "0012",
      test: {
        file: LOCAL,
        title: "an upload whose server was killed goes on at an offset that was said to be durable, or behind it",
      },
    },
    {
      id: "write-rest",
      does: "Write the rest, and compare the digest",
      writes: ["rest"],
      adr: "0007",
      test: {
        file: "test/spool/contract-uploads.ts",
        title: "content with another digest or another size is never stored, and nothing of it is kept",
      },
    },
    { id: "sync-rest", does: "fdatasync the content", syncs: ["rest"], adr: "0015", test: SYNCED },
    {
      id: "commit",
      does: "Commit the place in the queue to the index: visible",
      writes: ["entry"],
      adr: "0032",
      test: {
        file: "test/spool/group-commit.test.ts",
        title:
          "what is asked for in one turn is one commit, and what is asked for during it is the next, in that order",
      },
    },
    {
      id: "flush",
      does: "Wait until the index is flushed: durable",
      syncs: ["entry"],
      adr: "0015",
      test: {
        file: "test/spool/synced.test.ts",
        title: "the test above fails on an index that answers when a write is visible and syncs it afterwards",
      },
    },
    { id: "stored", does: "Say \u201cstored\u201d to the sender", says: "stored", adr: "0015", test: SYNCED },
  ],
  wrong: [
    {
      id: "early-stored",
      title: "\u201cstored\u201d when the commit is visible, not yet flushed",
      order: [
        "open",
        "write",
        "sync-first",
        "sync-name",
        "record",
        "progress",
        "write-rest",
        "sync-rest",
        "commit",
        "stored",
        "flush",
      ],
    },
    {
      id: "entry-first",
      title: "the queue entry before the content is synced",
      order: [
        "open",
        "write",
        "sync-first",
        "sync-name",
        "record",
        "progress",
        "write-rest",
        "commit",
        "flush",
        "stored",
        "sync-rest",
      ],
    },
    {
      id: "early-progress",
      title: "\u201cprogress\u201d before the offset is written down",
      order: [
        "open",
        "write",
        "progress",
        "sync-first",
        "sync-name",
        "record",
        "write-rest",
        "sync-rest",
        "commit",
        "flush",
        "stored",
      ],
    },
  ],
  recover: ({ name, first, offset, rest, entry }, said) => {
    const isWhole = Boolean(name && first && rest);
    if (entry)
      return {
        text: isWhole ? "The file is in its queue, whole." : "The queue names a file whose content is not there.",
        isKept: isWhole,
      };
    const canGoOn = Boolean(offset && name && first);
    const text = canGoOn
      ? "The upload goes on at 16 MiB when the sender offers it again."
      : "Nothing is left of it; the sender offers it again, from 0.";
    return {
      text: said.has("stored") ? `${text} But the sender was told that it is stored, and has gone.` : text,
      isKept: !said.has("stored") && (canGoOn || !said.has("progress")),
    };
  },
};
