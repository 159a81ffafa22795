/**
 * Creates a folder and what is missing above it, one by one.
 *
 * As Node's `mkdir` with `recursive`, but for one thing: that never comes back where a folder exists and refuses a new one
 * with ENOENT, as /proc does. It takes the answer for "the parent is missing", and tries again for ever. Here each folder
 * is tried at most twice, so whoever mistypes a path gets an answer.
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * @param mode of those that are created
 * @returns the outermost that was created; undefined if the folder was there
 * @throws what the file system said
 */
export async function makeFolders(folder: string, mode?: number): Promise<string | undefined> {
  const path = resolve(folder);
  const make = () => mkdir(path, mode);
  try {
    await make();
    return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Somebody else may be creating it at the same moment; a file of that name is another matter.
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return undefined;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
  }
  const first = await makeFolders(dirname(path), mode);
  await make().catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new Error(`no folder can be made in ${dirname(path)}`, { cause: error });
    if (error.code !== "EEXIST") throw error;
  });
  return first ?? path;
}
