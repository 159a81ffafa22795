/** The images of a disk that a power cut at one moment could have left: which ones to make, and how to write them down. */
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { random } from "../support/process-files.ts";
import { type Chooser, type DiskFile, DiskFolder } from "./disk.ts";

/** Folders, and files in the order in which they were found; two names of one file share its content. */
export interface Image {
  /** What was left out of what was not synced. */
  readonly label: string;
  readonly folders: readonly string[];
  readonly files: readonly { readonly path: string; readonly content: Buffer; readonly number: number }[];
  /** Equal images have equal hashes. */
  readonly hash: string;
}

type Random = ReturnType<typeof random>;

export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

export function render(root: DiskFolder, chooser: Chooser, label: string): Image {
  const folders: string[] = [];
  const files: Image["files"][number][] = [];
  const rendered = new Map<DiskFile, Buffer>();
  const hash = createHash("sha1");
  const walk = (folder: DiskFolder, path: string): void => {
    for (const [name, node] of [...folder.render(chooser)].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const below = path === "" ? name : `${path}/${name}`;
      if (node instanceof DiskFolder) {
        folders.push(below);
        hash.update(`folder ${below}\n`);
        walk(node, below);
        continue;
      }
      const content = rendered.get(node) ?? node.render(chooser);
      rendered.set(node, content);
      files.push({ path: below, content, number: node.number });
      hash.update(`file ${below} ${content.length} ${node.number}\n`).update(content);
    }
  };
  walk(root, "");
  return { label, folders, files, hash: hash.digest("hex") };
}

/** What could be on disk or not at this moment, and how many states each of it has. */
function unitsOf(root: DiskFolder): Map<string, number> {
  const units = new Map<string, number>();
  const note = (unit: string, versions: number): number => {
    units.set(unit, versions);
    return versions - 1;
  };
  render(root, { choose: note, tears: false }, "");
  return units;
}

const oldest: Chooser = { choose: () => 0, tears: false };
const newest: Chooser = { choose: (_, versions) => versions - 1, tears: false };

/**
 * The images of one moment: nothing that was not synced, all of it, each change alone kept or alone dropped, and random
 * ones, some of them with torn pages.
 * @param singles how many of the changes to try alone; @param mixes how many random images
 */
export function* imagesOf(root: DiskFolder, random: Random, singles: number, mixes: number): Iterable<Image> {
  yield render(root, oldest, "nothing unsynced");
  const units = [...unitsOf(root).keys()];
  if (units.length === 0) return;
  yield render(root, newest, "all of it");
  // A page behind the end of its file shows only together with the size, so that a size is kept wherever it is not the
  // thing in question.
  for (const single of units.length <= singles ? units : Array.from({ length: singles }, () => pick(random, units))) {
    const isSize = (unit: string) => unit.startsWith("size") && !single.startsWith("size");
    const isKept = (unit: string) => unit === single || isSize(unit);
    const keep = (unit: string, versions: number) => (isKept(unit) ? versions - 1 : 0);
    const drop = (unit: string, versions: number) => (unit === single ? 0 : versions - 1);
    yield render(root, { choose: keep, tears: false }, `only ${single}`);
    yield render(root, { choose: drop, tears: false }, `all but ${single}`);
  }
  for (let mix = 0; mix < mixes; mix++) {
    const share = pick(random, [0.1, 0.5, 0.9]);
    const tears = random() < 0.5;
    const choose = (unit: string, versions: number) => {
      const kept = unit.startsWith("size") ? Math.max(share, 0.7) : share;
      return random() < kept ? versions - 1 : Math.floor(random() * versions);
    };
    yield render(root, { choose, tears }, `a mix of ${share}${tears ? ", torn" : ""}`);
  }
}

export function writeImage({ folders, files }: Image, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const folder of folders) mkdirSync(join(to, folder), { recursive: true });
  const first = new Map<number, string>();
  for (const { path, content, number } of files) {
    const known = first.get(number);
    if (known) linkSync(known, join(to, path));
    else writeFileSync(join(to, path), content);
    first.set(number, join(to, path));
  }
}
