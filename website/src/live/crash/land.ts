/**
 * Landing a file, step by step, in the order of src/net/receiver/landing.ts, and four orders that are mistakes.
 *
 * One data structure, as in store.ts, with the same invariants.
 */
import type { Scenario } from "./scenario.ts";

const LANDED = {
  file: "test/power/power.test.ts",
  title: "no power cut takes what a receiver has said to have landed, or leaves half a file under its name",
};
const JOURNAL = "test/net/journal.test.ts";

export const LAND: Scenario = {
  title: "Landing a file (receiver)",
  promise: "The file appears in the folder whole, and once; after \u201cack\u201d it is there for good.",
  facts: {
    part: ".filespool part file, its name",
    content: "the content in it",
    journal: "journal: this transfer is about to land",
    final: "the final name in the folder",
  },
  steps: [
    {
      id: "write",
      does: "Write what arrives to a part file",
      writes: ["part", "content"],
      adr: "0016",
      test: { file: JOURNAL, title: "use parts of their own for the same transfer" },
    },
    {
      id: "sync-part",
      does: "Compare the digest; fdatasync the content, fsync the folder",
      syncs: ["part", "content"],
      adr: "0016",
      test: LANDED,
    },
    {
      id: "journal",
      does: "Write to the journal that it is about to land, and sync that",
      writes: ["journal"],
      syncs: ["journal"],
      adr: "0016",
      test: {
        file: JOURNAL,
        title: "a line that a power cut tore vouches for nothing, and the lines around it still do",
      },
    },
    {
      id: "link",
      does: "Link the part to its final name, which must be free",
      writes: ["final"],
      adr: "0016",
      test: {
        file: "test/net/landing.test.ts",
        title: "only after the file had been let in is not overwritten by accident (%s)",
      },
    },
    {
      id: "sync-final",
      does: "fsync the folder: now the final name would survive",
      syncs: ["final", "part"],
      adr: "0029",
      test: LANDED,
    },
    {
      id: "unlink",
      does: "Remove the part's name",
      removes: ["part"],
      adr: "0029",
      test: {
        file: JOURNAL,
        title: "a part that has landed, with its first name still there, goes before anybody could write to it",
      },
    },
    {
      id: "ack",
      does: "Say \u201cack\u201d to the server",
      says: "ack",
      adr: "0016",
      test: { file: JOURNAL, title: "is followed by an ack and no second copy (%s file)" },
    },
  ],
  wrong: [
    {
      id: "early-ack",
      title: "\u201cack\u201d before the folder is synced",
      order: ["write", "sync-part", "journal", "link", "ack", "sync-final", "unlink"],
    },
    {
      id: "early-unlink",
      title: "the part is removed before the folder is synced",
      order: ["write", "sync-part", "journal", "link", "unlink", "sync-final", "ack"],
    },
    { id: "no-journal", title: "no journal", order: ["write", "sync-part", "link", "sync-final", "unlink", "ack"] },
    {
      id: "no-sync",
      title: "the content is linked before it is synced",
      order: ["write", "journal", "link", "sync-final", "unlink", "ack", "sync-part"],
    },
  ],
  recover: ({ part, content, journal, final }, said) => {
    const isHere = Boolean(final && content);
    if (final && !content) return { text: "The final name is there, and its content is not.", isKept: false };
    if (said.has("ack"))
      return {
        text: isHere
          ? "The file is in the folder; the server will not send it again."
          : "The file is gone, and the server was told that it had landed.",
        isKept: isHere,
      };
    // Whoever is asked again believes the journal when the part is gone, or has become the final file.
    const believes = journal && (!part || final);
    if (believes) {
      const text = isHere
        ? "It is delivered again; the journal says that it has landed, so it is acked and not landed twice."
        : "It is delivered again; the journal says that it has landed, so it is acked. But it is nowhere.";
      return { text, isKept: isHere };
    }
    if (final)
      return {
        text: "It is delivered again, nobody knows that it has landed, and it lands a second time.",
        isKept: false,
      };
    const rest = part && content ? " What is in the part need not be sent again." : "";
    return { text: `It is delivered again, and lands then.${rest}`, isKept: true };
  },
};
