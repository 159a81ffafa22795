/**
 * What may be in the archive of a folder: the rules that packing and unpacking share.
 *
 * An archive names every entry by a path, and a path from the wire is hostile in each of its parts:
 * "../x" climbs, "/x" is somewhere else, "a/b" follows whatever "a" has become. So a path is split,
 * and every part has to be a name that could land by itself (protocol/names.ts). The folder of an
 * entry must have come before it, as a folder, in the same archive.
 *
 * A symbolic link is harmless if it cannot leave the folder. It may climb first, by no more folders
 * than it lies deep, and then only descend. It must not climb *after* it has descended: the place
 * it has descended to may be another link, and ".." of that is not what it seems ("s -> ../..",
 * then "t -> d/s/.." is outside, though it looks inside). Why: adr/0041.
 */
import { isUtf8 } from "node:buffer";
import { FilespoolError } from "../../../protocol/errors.ts";
import { quoteName, safeName } from "../../../protocol/names.ts";

/**
 * The names that a path in an archive consists of, each safe on any disk. None for the folder
 * itself.
 * @throws FilespoolError archive-refused: it is absolute, climbs, or has a part that cannot be a
 * name
 */
export function namesIn(path: string): string[] {
  const bare = path.replace(/^\.\//, "").replace(/\/$/, "");
  if (bare === "" || bare === ".") return [];
  return bare.split("/").map((part) => {
    try {
      return safeName(part);
    } catch (error) {
      throw refusedArchive(`${quoteName(path)}: ${(error as Error).message}`);
    }
  });
}

/** Bytes of the longest target of a link on Linux. No packer can have read a longer one. */
const TARGET_BYTES_MAX = 4095;

/**
 * Whether a symbolic link with that path and target stays inside the folder, whatever else is in
 * it.
 * @throws FilespoolError archive-refused: no link can have that target
 */
export function staysInside(path: string, target: string): boolean {
  if (Buffer.byteLength(target) > TARGET_BYTES_MAX)
    throw refusedArchive(`${quoteName(path)} is a link to a path of more than ${TARGET_BYTES_MAX} bytes`);
  if (target === "" || target.startsWith("/") || target.includes("\0")) return false;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const climbs = parts.findIndex((part) => part !== "..");
  const up = climbs < 0 ? parts.length : climbs;
  const depth = namesIn(path).length - 1;
  return up <= depth && !parts.slice(up).includes("..");
}

/** The error of an archive that cannot be unpacked anywhere. */
export const refusedArchive = (why: string): FilespoolError =>
  new FilespoolError("archive-refused", `the folder cannot be unpacked: ${why}`);

/** A name as text for people. Bytes that are not valid UTF-8 appear as "\\xe9". */
export function shownBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    // The shortest run of bytes that is a character: at most four.
    const length = [1, 2, 3, 4].find((few) => at + few <= bytes.length && isUtf8(bytes.subarray(at, at + few)));
    text += length ? bytes.toString("utf8", at, at + length) : `\\x${bytes.toString("hex", at, at + 1)}`;
    at += length ?? 1;
  }
  return text;
}
