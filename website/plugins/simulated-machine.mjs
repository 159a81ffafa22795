/**
 * Puts the programs of minimal/ on the machine that the timeline simulates, while they are bundled.
 *
 * A loader for the bundler, and the same function for the tests: what a file of minimal/ imports from Node and from the
 * native half of src/ comes from src/live/timeline/machine instead, and so do time and chance, which it takes for
 * granted. No word of the programs changes, and no line moves. An import that is not listed here fails the build.
 * JavaScript, because the bundler loads it by itself.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const machine = fileURLToPath(new URL("../src/live/timeline/machine", import.meta.url));

/** Which file stands for which module. @type {Readonly<Record<string, string>>} */
export const STANDS_FOR = {
  "node:fs": "files.ts",
  "node:fs/promises": "files.ts",
  "node:os": "names.ts",
  "node:path": "names.ts",
  "../src/disk/digest.ts": "digest.ts",
  "../src/protocol/index.ts": "protocol.ts",
};

/** The globals of `globals.ts`. */
export const GLOBALS = [
  ...["Buffer", "Math", "crypto", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
];

/** Which files: those of minimal/ but the command line. */
export const PROGRAMS = /[\\/]minimal[\\/](?!main\.)[\w-]+\.ts$/;

/** @param {string} name of a file of the machine */
const pathTo = (name) => JSON.stringify(join(machine, name));

/**
 * A file of minimal/ as it runs in the page.
 * @param {string} source
 * @returns {string}
 */
export function onMachine(source) {
  const program = source.replace(/^((?:import|export)\s[^;"]*?\bfrom\s*)"([^"]+)"/gm, (all, start, name) => {
    const file = STANDS_FOR[name];
    if (file) return start + pathTo(file);
    if (name.startsWith("./")) return all;
    throw new Error(`minimal/ imports ${name}, and nothing in src/live/timeline/machine stands for it`);
  });
  return `import { ${GLOBALS.join(", ")} } from ${pathTo("globals.ts")}; ${program}`;
}

export default onMachine;
