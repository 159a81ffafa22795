/** A disk that fails: replaces what Node's files do, for the time of one test. */
import { mkdtempSync, rmSync } from "node:fs";
import fs, { type FileHandle, open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** An error as the file system throws it. */
export const diskError = (code: string): Error =>
  Object.assign(new Error(`${code}: said the test`), { code, syscall: "write" });

/** A method of an open file, whatever it takes. */
type FileMethod = (this: FileHandle, ...values: never[]) => Promise<unknown>;

/** Replaces a method of all open files by what `make` returns for the original. Returns the way to put it back. */
export async function replaceFileMethod(
  name: "writev" | "datasync" | "appendFile" | "sync",
  make: (original: FileMethod) => FileMethod,
): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "filespool-test-"));
  const handle = await open(join(folder, "any"), "w");
  const files = Object.getPrototypeOf(handle) as { [method in typeof name]: FileMethod };
  await handle.close();
  rmSync(folder, { recursive: true });
  const original = files[name];
  const restore = () => {
    files[name] = original;
  };
  onTestFinished(restore);
  files[name] = make(original);
  return restore;
}

/** Makes a function of node:fs/promises fail, everywhere in this process, until the test is over. */
export function failCalls(name: "link", error: Error): void {
  const original = fs[name];
  onTestFinished(() => {
    fs[name] = original;
    syncBuiltinESMExports();
  });
  fs[name] = () => Promise.reject(error);
  syncBuiltinESMExports();
}

/** Is told of each call of a function of node:fs/promises, after it ended, until the test is over. */
export function watchCalls(name: "link" | "unlink", onCall: () => void): void {
  const original = fs[name] as (...values: unknown[]) => Promise<void>;
  onTestFinished(() => {
    fs[name] = original;
    syncBuiltinESMExports();
  });
  fs[name] = async (...values: unknown[]) => {
    await original(...values);
    onCall();
  };
  syncBuiltinESMExports();
}
