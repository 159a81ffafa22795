/**
 * Tries one lesson of the workshop: loads an implementation, asks the lesson's laws of it, and says which hold.
 *
 *   node examples/workshop/01-bytes.mjs                    tries broken/01-bytes.mjs, and shows how it breaks
 *   node examples/workshop/01-bytes.mjs my/own.mjs         tries yours; exit code 0 when every law holds
 *   node examples/workshop/01-bytes.mjs --solved           tries solved/01-bytes.mjs
 *
 * A law is a function that returns nothing when it holds, and throws a sentence when it does not. What an
 * implementation throws by itself breaks the law too: nothing here is swallowed.
 */
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = import.meta.dirname;

/** @param laws gets the module that is tried, and returns the laws by their names */
export async function lesson(url, laws) {
  const name = basename(fileURLToPath(url));
  const [word] = process.argv.slice(2);
  const isOwn = word !== undefined && word !== "--solved";
  const path = isOwn ? resolve(word) : join(HERE, word === "--solved" ? "solved" : "broken", name);
  const module = await import(pathToFileURL(path).href);
  let broken = 0;
  const lines = [];
  for (const [law, check] of Object.entries(laws(module))) {
    const problem = await problemWith(check);
    if (problem !== null) broken++;
    lines.push(problem === null ? `holds   ${law}` : `BROKEN  ${law}\n        ${problem}`);
  }
  console.log([`${isOwn ? word : relative(HERE, path)}`, ...lines].join("\n"));
  process.exitCode = broken > 0 ? 1 : 0;
}

async function problemWith(check) {
  try {
    await check();
    return null;
  } catch (error) {
    return error instanceof Broken ? error.message : `it threw ${error}`;
  }
}

class Broken extends Error {}

/** Ends a law with a sentence. */
export function broken(sentence) {
  throw new Broken(sentence);
}
