/**
 * What the system says against us, in words that a person understands.
 *
 * Node's own message ("EACCES: permission denied, open 'a.txt'") names a call that nobody made and repeats a path that our
 * sentence has named already. Here it becomes "permission denied (EACCES)": the words for who has just begun, the code
 * for who wants to look it up. What is not in the table keeps the words that came with it.
 *
 * It refuses to know what was attempted, and with which file or address: whoever calls says that before it. So every
 * phrase has to read well after a colon, and none of them may promise anything about the next attempt.
 */

/** Codes that people meet, each with the thing to look at rather than the name of the rule that was broken. */
const WORDS: Readonly<Record<string, string>> = {
  // Files and folders.
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EEXIST: "there is a file of that name, and no folder",
  ENOTDIR: "a part of that path is a file, and no folder",
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
  EFBIG: "the file would be larger than may be written here (ulimit -f)",
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

/** The words for anything thrown by the system, with its code. */
export function inWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words = code === undefined ? undefined : WORDS[code];
  return words === undefined ? (message ?? String(error)) : `${words} (${code})`;
}
