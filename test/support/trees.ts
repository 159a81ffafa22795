/** Trees of files: made at random, written to a folder, and read back as something that can be compared; and archives by hand. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Header, type HeaderData, Pax } from "tar";

/** By path; a folder comes before what is in it. `mtimeMs` and `mode` of what is no link. */
export interface Item {
  readonly path: string;
  readonly kind: "folder" | "file" | "link";
  readonly content: string;
  readonly mode: number;
  readonly mtimeMs: number;
}

const name = fc
  .oneof(
    fc.constantFrom("a", "b", "c.txt", "ä ö.txt", "文件", "x".repeat(120), "é".repeat(100), " lead", "new\tline"),
    fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/),
  )
  .map((text) => text.normalize("NFC").replace(/\p{Cc}/gu, "_"));
/** 1980 to 2100, to the millisecond. */
const time = fc.integer({ min: 315_532_800_000, max: 4_102_444_800_000 });
const node = fc.record({
  name,
  depth: fc.nat(3),
  kind: fc.constantFrom("folder" as const, "file" as const, "file" as const),
  content: fc.oneof(
    fc.constant(""),
    fc.string({ maxLength: 40 }),
    fc.nat(2000).map((size) => "z".repeat(size)),
  ),
  mode: fc.constantFrom(0o700, 0o755, 0o644, 0o600, 0o500, 0o777, 0o444).map((mode) => mode | 0o400),
  mtimeMs: time,
});

/** A list of folders and files in which every folder comes before its content, without two of one name in any case. */
export const anyTree: fc.Arbitrary<Item[]> = fc.array(node, { maxLength: 25 }).map((nodes) => {
  const folders = [""];
  const taken = new Set<string>();
  const items: Item[] = [];
  for (const { name: last, depth, ...item } of nodes) {
    const parent = folders[depth % folders.length] as string;
    const path = parent === "" ? last : `${parent}/${last}`;
    if (taken.has(path.toLowerCase()) || Buffer.byteLength(path) > 1000) continue;
    taken.add(path.toLowerCase());
    items.push({ ...item, path, content: item.kind === "folder" ? "" : item.content });
    if (item.kind === "folder") folders.push(path);
  }
  return items;
});

export function writeTree(root: string, items: readonly Item[]): void {
  mkdirSync(root, { recursive: true });
  for (const { path, kind, content } of items) {
    if (kind === "folder") mkdirSync(join(root, path));
    else if (kind === "file") writeFileSync(join(root, path), content);
    else symlinkSync(content, join(root, path));
  }
  for (const { path, kind, mode, mtimeMs } of [...items].reverse()) {
    if (kind === "link") continue;
    chmodSync(join(root, path), mode);
    utimesSync(join(root, path), 1, mtimeMs / 1000 + 5e-7);
  }
}

/** What is in a folder, sorted by path. */
export function readTree(root: string, path = ""): Item[] {
  return readdirSync(join(root, path))
    .sort()
    .flatMap((last): Item[] => {
      const here = path === "" ? last : `${path}/${last}`;
      const stat = lstatSync(join(root, here));
      const common = { path: here, mode: stat.mode & 0o7777, mtimeMs: Math.floor(stat.mtimeMs) };
      if (stat.isDirectory()) return [{ ...common, kind: "folder", content: "" }, ...readTree(root, here)];
      if (stat.isSymbolicLink())
        return [{ ...common, kind: "link", content: readlinkSync(join(root, here)), mode: 0, mtimeMs: 0 }];
      return [{ ...common, kind: "file", content: readFileSync(join(root, here), "latin1") }];
    });
}

/** What the umask of this process leaves of the modes. */
export function underUmask(items: readonly Item[]): Item[] {
  const umask = process.umask();
  return items.map((item) => ({ ...item, mode: item.mode & ~umask }));
}

/** One entry of an archive, as somebody means it who need not mean well. */
export function tarEntry(data: HeaderData, content: Uint8Array | string = "", extended?: HeaderData): Buffer {
  const bytes = Buffer.from(content as string);
  const header = new Header({ mode: 0o644, mtime: new Date(0), size: bytes.length, ...data });
  header.encode();
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  const more = extended ? new Pax(extended).encode() : Buffer.alloc(0);
  return Buffer.concat([more, header.block as Buffer, bytes, padding]);
}

export const ROOT = tarEntry({ path: "./", type: "Directory", mode: 0o755 });
export const archiveOf = (...entries: Buffer[]): Buffer => Buffer.concat([...entries, Buffer.alloc(1024)]);
