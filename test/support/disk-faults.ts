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

/** A function of node:fs/promises, whatever it takes. */
type Call = (...values: unknown[]) => Promise<unknown>;

/** Replaces a function of node:fs/promises by what `make` returns for the original, everywhere, until the test is over. */
export function replaceCall(name: "link" | "unlink" | "open", make: (original: Call) => Call): void {
  const calls = fs as unknown as { [call in typeof name]: Call };
  const original = calls[name];
  onTestFinished(() => {
    calls[name] = original;
    syncBuiltinESMExports();
  });
  calls[name] = make(original);
  syncBuiltinESMExports();
}

/** Makes a function of node:fs/promises fail until the test is over. */
export const failCalls = (name: "link", error: Error): void => replaceCall(name, () => () => Promise.reject(error));

/** Is told of each call of a function of node:fs/promises, after it ended, until the test is over. */
export const watchCalls = (name: "link" | "unlink", onCall: () => void): void =>
  replaceCall(name, (original) => async (...values) => {
    await original(...values);
    onCall();
  });
