/**
 * Loader hooks: what is imported with `?simulated` gets a world of ours instead of the real one.
 *
 * The mark is passed on to every module of src/ that such a module imports, so the whole graph exists a second time beside
 * the real one; and where one of them asks for sockets, files, timers, randomness, locks or LMDB, it gets test/simulation's.
 * Nothing in src/ knows of this.
 *
 * An import on demand takes real time, in which a simulated hour may pass; so it is answered by modules.ts, with what was
 * loaded before the world began.
 */
const MARK = "?simulated";
const SRC = new URL("../../src/", import.meta.url).href;

const OURS = new Map(
  Object.entries({
    "node:net": "net.ts",
    "node:tls": "tls.ts",
    "node:dns/promises": "dns.ts",
    "node:fs": "fs.ts",
    "node:fs/promises": "fs-promises.ts",
    "node:timers/promises": "timers.ts",
    "node:crypto": "crypto.ts",
    "fs-native-extensions": "locks.ts",
    lmdb: "lmdb.ts",
  }).map(([name, file]) => [name, new URL(`modules/${file}`, import.meta.url).href]),
);

export async function resolve(specifier, context, next) {
  const isMarked = specifier.endsWith(MARK);
  const isFromMarked = context.parentURL?.endsWith(MARK) ?? false;
  if (!isMarked && !isFromMarked) return next(specifier, context);
  const ours = isFromMarked ? OURS.get(specifier) : undefined;
  const parentURL = isFromMarked ? context.parentURL.slice(0, -MARK.length) : context.parentURL;
  if (ours) return next(ours, { ...context, parentURL });
  const found = await next(isMarked ? specifier.slice(0, -MARK.length) : specifier, { ...context, parentURL });
  return found.url.startsWith(SRC) ? { ...found, url: found.url + MARK } : found;
}

const ON_DEMAND = /\bimport\("(\.[^"]+)"\)/g;

export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith(MARK)) return loaded;
  const source = String(loaded.source).replaceAll(
    ON_DEMAND,
    (_, path) => `simulatedImport("${new URL(path, url).href}")`,
  );
  return { ...loaded, source };
}
