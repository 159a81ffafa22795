/**
 * Faults around the place where files land: what its errors mean, what room it has, what is kept while it waits, and the
 * folder that `receive --output -` uses instead. Planted like all others (table.ts).
 */
import type { Mutant } from "./found.ts";

const output = "src/cli/commands/output-folder.ts";
const errors = "src/net/receiver/landing-errors.ts";
const setbacks = "src/net/receiver/setbacks.ts";
const room = "src/net/receiver/target-room.ts";
const outputTest = "test/cli/output-folder.test.ts";
const resumeTest = "test/e2e/output-resume.test.ts";
const refusesTest = "test/e2e/target-refuses.test.ts";
const setbacksTest = "test/net/setbacks.test.ts";

export const TARGET: readonly Mutant[] = [
  {
    name: "everybody may look into the folder for output",
    ...{ file: output, from: "mkdir(this.#path, { mode: 0o700 })", to: "mkdir(this.#path, { mode: 0o755 })" },
    noticedBy: outputTest,
  },
  {
    name: "a folder for output that others may write to is used",
    ...{
      file: output,
      from: "stat.uid === process.geteuid() && !(stat.mode & 0o077)",
      to: "stat.uid === process.geteuid()",
    },
    noticedBy: outputTest,
  },
  {
    name: "two runs use one folder for output",
    ...{
      file: output,
      from: "if (tryLock(lock.fd) && (await isThere()))",
      to: "if ((tryLock(lock.fd) || true) && (await isThere()))",
    },
    noticedBy: outputTest,
  },
  {
    name: "the lock in a folder for output is made where a link leads",
    ...{ file: output, from: " | constants.O_NOFOLLOW", to: "" },
    noticedBy: outputTest,
  },
  {
    name: "folders for output that nobody comes for stay",
    ...{ file: output, from: "      await removeLeft(basename(path));\n", to: "" },
    noticedBy: outputTest,
  },
  {
    name: "a folder for output that is in use is removed when it is old",
    ...{
      file: output,
      from: "if (!lock) continue;\n    await removeTree(path).catch(() => {});\n    await lock.close();",
      to: "await removeTree(path).catch(() => {});\n    await lock?.close();",
    },
    noticedBy: outputTest,
  },
  {
    name: "what was handed on stays in the folder for output",
    ...{
      file: "src/net/extensions/sink/sink-landing.ts",
      from: "    if (!(file instanceof SmallFile)) await rm(file.part, { force: true });\n",
      to: "",
    },
    noticedBy: resumeTest,
  },
  {
    name: "what a killed run fetched for output is not found again",
    ...{
      file: output,
      from: '.digest("hex").slice(0, 16)',
      to: '.digest("hex").slice(0, 12) + String(process.pid).padStart(4, "0").slice(-4)',
    },
    noticedBy: resumeTest,
  },
  {
    name: "a read-only part cannot be gone on with",
    ...{
      file: "src/net/receiver/own-files.ts",
      from: "    if (isIt) fchmodSync(fd, (now.mode & 0o777) | 0o200);\n",
      to: "",
    },
    noticedBy: "test/e2e/file-attributes.test.ts",
  },
  {
    name: "a file that is too large for the target ends the run",
    ...{ file: errors, from: 'if (code === "EFBIG" || (isName', to: "if ((isName" },
    noticedBy: refusesTest,
  },
  {
    name: "what is held is given back on a later connection",
    ...{ file: setbacks, from: "    else clearTimeout(timer);\n", to: "" },
    noticedBy: setbacksTest,
  },
  {
    name: "what is held for good counts for ever",
    ...{ file: setbacks, from: "    if (timer === null) this.forGood--;\n    else clear", to: "    if (timer) clear" },
    noticedBy: setbacksTest,
  },
  {
    name: "a file that landed in the end counts as failed",
    ...{ file: "src/net/receiver/tally.ts", from: "    this.failures.landed(delivery.transfer);\n", to: "" },
    noticedBy: "test/net/run-accounts.test.ts",
  },
  {
    name: "room for what is on its way is never given back",
    ...{ file: room, from: "    this.#comingBytes -= this.#coming.get(token) ?? 0;\n", to: "" },
    noticedBy: setbacksTest,
  },
  {
    name: "room that a connection took is taken on the next",
    ...{
      file: room,
      from: "    this.#coming.clear();\n    this.#comingBytes = 0;\n",
      to: "    this.#coming.clear();\n",
    },
    noticedBy: setbacksTest,
  },
  {
    name: "a folder that is exchanged by a link while it is removed is followed",
    ...{ file: "src/net/receiver/remove-tree.ts", from: " | O_DIRECTORY | O_NOFOLLOW)", to: " | O_DIRECTORY)" },
    noticedBy: "test/net/own-files.test.ts",
  },
  {
    name: "a failed file counts as one of --count",
    ...{ file: "src/net/receiver/receive-window.ts", from: "    this.#promised--;\n", to: "" },
    noticedBy: "test/net/run-accounts.test.ts",
  },
  {
    name: "a file that arrives does not end the waiting for it",
    ...{
      file: "src/net/receiver/receive-window.ts",
      from: "    this.isEmpty = false;\n    clearTimeout(this.#idle);\n",
      to: "    this.isEmpty = false;\n",
    },
    noticedBy: "test/net/run-accounts.test.ts",
  },
  {
    name: "who watches a folder does not hear that a file is whole",
    ...{
      file: "src/net/receiver/final-name.ts",
      from: "    closeSync(openSync(path, TO_WRITE));\n  } catch (error) {\n    // Any other",
      to: "  } catch (error) {\n    // Any other",
    },
    noticedBy: "test/e2e/hot-folder.test.ts",
  },
];
