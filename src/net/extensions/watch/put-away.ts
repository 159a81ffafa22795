/**
 * What becomes of a file of a watched folder once it is stored: it is kept, moved or deleted.
 *
 * Between the answer of the server and this moment, a program may have written to the file or put
 * another one in its place. So the file is looked at right before: one that is not the file that
 * was sent stays, and is sent as well. Between that look and the next system call there still is a
 * moment, as in every program that deletes by name. A program that replaces files in a folder that
 * is emptied at the same time should give each file a name of its own.
 *
 * Invariant: a file that is moved never takes the place of another. Its new name is created first,
 * which fails if the name is taken, and holds a line that says for which file it is. The rename
 * then replaces that line in one step. So at every moment the file is in one of the two folders,
 * whole. A run after a crash finds its line again and goes on. A second name (link, then unlink)
 * would not do: it changes the time of change, so a crash in between would leave a file that looks
 * new.
 */
import { createHash } from "node:crypto";
import { linkSync, lstatSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe } from "../../../disk/system-errors.ts";
import { numbered, OWN_PREFIX } from "../../../protocol/names.ts";
import { identityOf } from "../../sender/file-identity.ts";

/** What is wanted for every file. */
export type After = "keep" | "move" | "delete";

/** What became of a file: it is gone, has a new name, is another one now, or could not go. */
export type PutAway =
  | { readonly kind: "deleted" }
  | { readonly kind: "moved"; readonly to: string }
  | { readonly kind: "changed" }
  | { readonly kind: "stays"; readonly why: string };

/** Most names whose last number is remembered. */
const NUMBERED_MAX = 1_000;

/** The place where sent files go. */
export class Away {
  /** The folder to move them to; null deletes them. */
  readonly #movedTo: string | null;
  /**
   * The number that each name had last, so that a file of the same name each minute is not tried
   * under all of them.
   */
  readonly #numbers = new Map<string, number>();

  constructor(movedTo: string | null) {
    this.#movedTo = movedTo;
  }

  /** Moves or deletes a file, if it still has the identity under which it was sent. */
  put(path: string, identity: string): PutAway {
    try {
      const status = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (status === undefined) return { kind: "deleted" };
      if (!status.isFile() || identityOf(path, status) !== identity) return { kind: "changed" };
      if (this.#movedTo !== null) return { kind: "moved", to: this.#move(this.#movedTo, path, identity) };
      unlinkSync(path);
      return { kind: "deleted" };
    } catch (error) {
      return { kind: "stays", why: `it cannot be ${this.#movedTo === null ? "deleted" : "moved"}: ${describe(error)}` };
    }
  }

  /**
   * Moves a file.
   * @returns its new path
   * @throws what the file system said; then the file is where it was
   */
  #move(folder: string, path: string, identity: string): string {
    const to = this.#claim(folder, basename(path), `${path} (${identity}) is being moved here by filespool\n`);
    try {
      renameSync(path, to);
      return to;
    } catch (error) {
      unlinkSync(to);
      throw error;
    }
  }

  /** Creates a file with this line under the name, or under the name with the first free number. */
  #claim(folder: string, name: string, line: string): string {
    // Written under a name of our own first, the same each time, so that no name is ever there
    // without its line.
    const own = join(folder, `${OWN_PREFIX}-moving-${createHash("sha256").update(line).digest("hex").slice(0, 16)}`);
    rmSync(own, { force: true });
    writeFileSync(own, line, { flag: "wx" });
    try {
      for (let number = this.#numbers.get(name) ?? 0; ; number++) {
        const to = join(folder, number === 0 ? name : numbered(name, number));
        if (!isMade(own, to, line) && !isLeft(to, line)) continue;
        if (this.#numbers.size >= NUMBERED_MAX) this.#numbers.clear();
        if (number > 0) this.#numbers.set(name, number);
        return to;
      }
    } finally {
      rmSync(own, { force: true });
    }
  }
}

/** Gives the line another name. False: the name is taken. @throws what the file system said */
function isMade(own: string, to: string, line: string): boolean {
  try {
    linkSync(own, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
  }
  // A file system without hard links (FAT).
  try {
    writeFileSync(to, line, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Whether a killed run has left this line here. */
function isLeft(path: string, line: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (!status?.isFile() || status.size !== Buffer.byteLength(line)) return false;
  return readFileSync(path, "utf8") === line;
}
