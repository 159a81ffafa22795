/** A disk that fails: replaces what Node's files do, for the time of one test. */
import fs, { mkdtempSync, rmSync } from "node:fs";
import promises, { type FileHandle, open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

/** An error as the file system throws it. */
export const diskError = (code: string): Error =>
  Object.assign(new Error(`${code}: said the test`), { code, syscall: "write" });

/** A method of an open file, whatever it takes. */
type FileMethod = (this: FileHandle, ...values: never[]) => Promise<unknown>;

/**
 * Replaces a method of all open files by what `make` returns for the original; for `datasync`, also the functions that
 * small files, and modes and times, are synced with. Returns the way to put it back.
 */
export async function replaceFileMethod(
  name: "write" | "writev" | "datasync" | "appendFile" | "sync",
  make: (original: FileMethod) => FileMethod,
): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "filespool-test-"));
  const handle = await open(join(folder, "any"), "w");
  const files = Object.getPrototypeOf(handle) as { [method in typeof name]: FileMethod };
  await handle.close();
  rmSync(folder, { recursive: true });
  const original = files[name];
  const { fdatasync, fsync } = fs;
  const restore = () => {
    files[name] = original;
    Object.assign(fs, { fdatasync, fsync });
    syncBuiltinESMExports();
  };
  onTestFinished(restore);
  files[name] = make(original);
  if (name === "datasync") {
    const standIn = (sync: typeof fsync) => {
      const replaced = make(function (this: unknown) {
        return promisify(sync)(this as number);
      }) as unknown as (this: number) => Promise<void>;
      return (fd: number, done: (error: Error | null) => void) =>
        void replaced.call(fd).then(
          () => done(null),
          (error: Error) => done(error),
        );
    };
    Object.assign(fs, { fdatasync: standIn(fdatasync), fsync: standIn(fsync) });
    syncBuiltinESMExports();
  }
  return restore;
}

/** A function of node:fs/promises, whatever it takes. */
type Call = (...values: unknown[]) => Promise<unknown>;

/** Replaces a function of node:fs/promises by what `make` returns for the original, everywhere, until the test is over. */
export function replaceCall(
  name: "open" | "mkdir" | "readdir" | "rmdir" | "mkdtemp",
  make: (original: Call) => Call,
): void {
  const calls = promises as unknown as { [call in typeof name]: Call };
  const original = calls[name];
  onTestFinished(() => {
    calls[name] = original;
    syncBuiltinESMExports();
  });
  calls[name] = make(original);
  syncBuiltinESMExports();
}

type SyncName = "linkSync" | "unlinkSync" | "renameSync" | "statfsSync" | "openSync";
type SyncCall = (...values: unknown[]) => unknown;

/** Replaces a function of node:fs that waits, until the test is over. */
export function replaceSync(name: SyncName, make: (original: SyncCall) => SyncCall): void {
  const calls = fs as unknown as { [call in SyncName]: SyncCall };
  const original = calls[name];
  onTestFinished(() => {
    calls[name] = original;
    syncBuiltinESMExports();
  });
  calls[name] = make(original);
  syncBuiltinESMExports();
}

/** Makes a function of node:fs fail until the test is over. */
export const failCalls = (name: SyncName, error: Error): void =>
  replaceSync(name, () => () => {
    throw error;
  });

/** Is told of each call of a function of node:fs, after it ended, until the test is over. */
export const watchCalls = (name: SyncName, onCall: () => void): void =>
  replaceSync(name, (original) => (...values) => {
    const result = original(...values);
    onCall();
    return result;
  });
