/**
 * Errors of the system, in words that a person understands, and by their names.
 *
 * Node's own message ("EACCES: permission denied, open 'a.txt'") names a call that the user did not
 * make, and repeats a path that our sentence has named already. Here it becomes "permission denied
 * (EACCES)": words for beginners, and a code to look up. An error that is not in the table keeps
 * the words that came with it.
 *
 * This file does not know what was attempted, and with which file or address: the caller says
 * that first. So every phrase has to read well after a colon, and none may promise anything about
 * the next attempt.
 *
 * It is also the one place that gives an error its name. Node knows fewer names than the system.
 * An error without one arrives with the code "Unknown system error -122" (EDQUOT, a quota;
 * ESTALE, a network disk), and lmdb-js sets the bare number. To compare `code` with a name misses
 * those, so ask `errorName`.
 */
import { constants } from "node:os";

/** Names by number, as this system counts them. */
const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/**
 * Codes that people meet. Each phrase names the thing to look at, and not the rule that was broken.
 */
const WORDS: Readonly<Record<string, string>> = {
  // Files and folders.
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EEXIST: "a file has that name already, where a folder is needed",
  ENOTDIR: "a part of that path is a file and not a folder",
  EISDIR: "it is a folder",
  ENOTEMPTY: "a folder is there that is not empty",
  EBUSY: "it is in use",
  EXDEV: "it is on another disk",
  EROFS: "that disk can only be read",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "its links lead in a circle",
  EIO: "the disk reports an error",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the quota of the disk is used up",
  ESTALE: "the network disk does not know that file any more",
  EFBIG: "the file would be larger than may be written here (ulimit -f)",
  ENXIO: "it is a pipe that nobody reads, or no file at all",
  EMFILE: "too many files are open (ulimit -n)",
  // Addresses.
  ENOTFOUND: "no host has that name",
  EAI_AGAIN: "names of hosts cannot be looked up at the moment",
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the other end broke it off",
  EPIPE: "the other end broke it off",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no way leads there",
  ENETUNREACH: "no way leads there",
  EADDRINUSE: "another program is listening there; choose another port",
  EADDRNOTAVAIL: "this machine does not have that address",
};

/**
 * What the system calls an error, "ENOSPC" say: by its name, or else by its number.
 * @returns undefined for what is no error of the system
 */
export function errorName(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown };
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  const number = typeof errno === "number" ? -errno : code;
  const name = typeof number === "number" ? NAMES.get(number) : undefined;
  return name ?? (typeof code === "string" ? code : undefined);
}

/** Words for anything that the system threw, with its name. */
export function describe(error: unknown): string {
  const name = errorName(error);
  const words = name === undefined ? undefined : WORDS[name];
  return words === undefined ? ((error as Error).message ?? String(error)) : `${words} (${name})`;
}
