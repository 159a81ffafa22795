/** Faults in what a single file keeps of its sender's mode and time, planted like all others (table.ts). */
import type { Mutant } from "./found.ts";

const attributes = "src/net/receiver/file-attributes.ts";
const noticedBy = "test/e2e/file-attributes.test.ts";

export const LANDING: readonly Mutant[] = [
  {
    name: "zeros are written out",
    ...{
      file: "src/disk/holes.ts",
      from: "return { parts: parts.slice(0, end), bytes: zeroBytes, isHole: true };",
      to: "return { parts: parts.slice(0, end), bytes: zeroBytes, isHole: false };",
    },
    noticedBy: "test/disk/holes.test.ts",
  },
  {
    name: "zeros of a folder are written out",
    ...{ file: "src/net/extensions/folder/tar-unpack.ts", from: "if (isZero(piece))", to: "if (end < 0)" },
    noticedBy: "test/e2e/holes.test.ts",
  },
  {
    name: "a part is created more open than its file",
    ...{
      file: attributes,
      from: "return this.#mode === null ? USUAL : this.#mode | OWNER_WRITES;",
      to: "return 0o777;",
    },
    noticedBy: "test/net/file-attributes.test.ts",
  },
  {
    name: "a file that is read-only at its sender may be written to",
    ...{ file: attributes, from: "if (has === wanted) return false;", to: "if (has !== wanted) return false;" },
    noticedBy,
  },
  {
    name: "a disk that keeps no modes is told of for each file",
    ...{ file: "src/net/receiver/incoming.ts", from: "    if (warned.has(what)) return;\n", to: "" },
    noticedBy,
  },
  {
    name: "mode and time are not synced before the ack, small",
    ...{ file: "src/net/receiver/small-file.ts", from: "hasMore ? syncAll(fd) : syncData(fd)", to: "syncData(fd)" },
    noticedBy: "test/net/file-attributes.test.ts",
  },
  {
    name: "mode and time are not synced before the ack, large",
    ...{
      file: "src/net/receiver/part-file.ts",
      from: "&& sync) await syncAll(this.#handle.fd);",
      to: "&& sync) void 0;",
    },
    noticedBy: "test/net/file-attributes.test.ts",
  },
  {
    name: "a read-only file lands unheard",
    ...{
      file: "src/net/receiver/final-name.ts",
      from: 'if ((error as NodeJS.ErrnoException).code === "EACCES") tell',
      to: "if (!error) tell",
    },
    noticedBy,
  },
  {
    name: "a read-only file can be written to once it was told of",
    ...{ file: "src/net/receiver/final-name.ts", from: "        fchmodSync(reading, mode);\n", to: "" },
    noticedBy,
  },
];
