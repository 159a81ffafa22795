/** Faults in how folders are packed and unpacked, planted like all others (table.ts). */
import type { Mutant } from "./found.ts";

const unpack = "src/net/extensions/folder/tar-unpack.ts";
const pack = "src/net/extensions/folder/tar-pack.ts";
const disk = "test/net/tree-disk.test.ts";
const bounds = "test/net/tree-bounds.test.ts";
const tree = "test/net/tree.test.ts";
const packing = "test/net/packing.test.ts";
const format = "test/net/tar-format.test.ts";
const foreign = "test/e2e/foreign-archives.test.ts";

export const FOLDERS: readonly Mutant[] = [
  {
    name: "unpacking a folder ignores short writes",
    ...{
      file: unpack,
      from: "for (let at = 0; at < piece.length; )\n            at += (await handle.write(piece, at, piece.length - at, end - piece.length + at)).bytesWritten;",
      to: "await handle.write(piece, 0, piece.length, end - piece.length);",
    },
    noticedBy: disk,
  },
  {
    name: "unpacked files and folders are not synced",
    ...{ file: unpack, from: "if (this.#options.sync) await handle.sync();", to: "" },
    noticedBy: disk,
  },
  {
    name: "unpacked folders are not synced",
    ...{
      file: unpack,
      from: "if (this.#options.sync) await handle.sync();",
      to: "if (this.#options.sync && !(await handle.stat()).isDirectory()) await handle.sync();",
    },
    noticedBy: disk,
  },
  {
    name: "an unpacked file whose sync failed is not noticed",
    ...{ file: unpack, from: "        this.#failure ??= error;", to: "        void error;" },
    noticedBy: disk,
  },
  {
    name: "a refused archive is removed while its files are being written",
    ...{ file: unpack, from: "      await Promise.all(this.#finishing);\n    }", to: "    }" },
    noticedBy: disk,
  },
  {
    name: "a file that cannot be written to its end stays open",
    ...{ file: unpack, from: "      await handle.close();\n      throw error;", to: "      throw error;" },
    noticedBy: disk,
  },
  {
    name: "the folder that is unpacked into stays open",
    ...{ file: unpack, from: "await unpacking.run().finally(() => root.close());", to: "await unpacking.run();" },
    noticedBy: disk,
  },
  {
    name: "the archive stays open when it is unpacked",
    ...{ file: unpack, from: "  } finally {\n    await handle.close();\n  }\n}", to: "  } finally {\n  }\n}" },
    noticedBy: disk,
  },
  {
    name: "what unpacking remembers is not counted in bytes",
    ...{
      file: "src/net/extensions/folder/tar-notes.ts",
      from: "budget.bytes += bytes;",
      to: "budget.bytes += 0 * bytes;",
    },
    noticedBy: bounds,
  },
  {
    name: "what unpacking remembers is not counted",
    ...{
      file: "src/net/extensions/folder/tar-notes.ts",
      from: "++budget.notes > NOTED_MAX",
      to: "budget.notes > NOTED_MAX",
    },
    noticedBy: bounds,
  },
  {
    name: "hard links that are packed are never forgotten",
    ...{ file: pack, from: "      this.#linked.delete(key);\n", to: "" },
    noticedBy: bounds,
  },
  {
    name: "hard links that are forgotten stay counted",
    ...{ file: pack, from: "      this.#linkedBytes -= bytes;\n", to: "" },
    noticedBy: bounds,
  },
  {
    name: "an unpacked folder is more open than the umask allows",
    ...{ file: unpack, from: "(mode & this.#allowed) | inherited", to: "mode | inherited" },
    noticedBy: "test/e2e/folders.test.ts",
  },
  {
    name: "a link is noted although its folder is none",
    ...{
      file: unpack,
      from: "    if (!(await isFolder(dirname(local)))) throw refusedEarly(entry.path);\n",
      to: "",
    },
    noticedBy: tree,
  },
  {
    name: "the folder that is unpacked into is found anew by its name",
    ...{
      file: "src/net/extensions/folder/held-folder.ts",
      from: "(await isShown) ? held : path",
      to: "(await isShown) ? path : path",
    },
    noticedBy: disk,
  },
  {
    name: "a sparse file is unpacked as the short file that it travels as",
    ...{ file: "src/net/extensions/folder/tar-pax.ts", from: "/^GNU\\.sparse\\./", to: "/^GNU\\.none\\./" },
    noticedBy: foreign,
  },
  {
    name: "an archive behind the end of another is not noticed",
    ...{ file: "src/net/extensions/folder/tar-entries.ts", from: "if (!isEmpty(rest))", to: "if (rest.length < 0)" },
    noticedBy: tree,
  },
  {
    name: "a record ends where a line does",
    ...{
      file: "src/net/extensions/folder/tar-pax.ts",
      from: "records.set(key, Buffer.from(bytes.subarray(equals + 1, end - 1)));",
      to: "records.set(key, Buffer.from(bytes.subarray(equals + 1, bytes.indexOf(0x0a, equals))));",
    },
    noticedBy: format,
  },
  {
    name: "a subfolder that was exchanged is packed",
    ...{
      file: pack,
      from: "if (ino === seen.ino && dev === seen.dev) return held;",
      to: "if (ino >= 0 || dev === seen.dev) return held;",
    },
    noticedBy: packing,
  },
  {
    name: "a file that has more bytes than its size says is packed in part",
    ...{ file: pack, from: "if (at + bytesRead > size) throw", to: "if (at + bytesRead > size + 1) throw" },
    noticedBy: packing,
  },
  {
    name: "a file that is packed stays open",
    ...{
      file: pack,
      from: "    } finally {\n      await handle.close();\n    }",
      to: "    } finally {\n      handle.fd;\n    }",
    },
    noticedBy: packing,
  },
  {
    name: "a folder that is packed stays open",
    ...{
      file: pack,
      from: "    } finally {\n      await held.close();\n    }",
      to: "    } finally {\n      held.path;\n    }",
    },
    noticedBy: packing,
  },
  {
    name: "a name that becomes another one takes its place",
    ...{
      file: "src/net/extensions/folder/packed-names.ts",
      from: ' || holds(names, Buffer.from(safe).toString("latin1"))',
      to: "",
    },
    noticedBy: packing,
  },
];
