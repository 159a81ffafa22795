/**
 * Looks at the folder of a receiver after a power cut: whatever has a name is whole, what was said to have landed is
 * there, and what the journal vouches for is there, because the next receiver acks that without asking for it again.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createDigest } from "../../src/disk/digest.ts";
import { Landing } from "../../src/net/receiver/landing.ts";
import { OWN_PREFIX } from "../../src/protocol/names.ts";
import type { Expected } from "./facts.ts";

const digestOf = (path: string): string => {
  const digest = createDigest("blake3");
  digest.update(readFileSync(path));
  return digest.hex();
};

export async function checkFolder(folder: string, expected: readonly Expected[]): Promise<string[]> {
  const broken: string[] = [];
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(OWN_PREFIX)) : [];
  const whole = new Set<string>();
  for (const name of names) {
    const digest = digestOf(join(folder, name));
    const isKnown = expected.some((each) => each.name === name && each.digest === digest);
    if (isKnown) whole.add(digest);
    else broken.push(`damaged: ${name} has a name and is not what was sent`);
  }
  for (const { landed, digest } of expected) {
    if (landed === null) continue;
    const path = join(folder, basename(landed));
    if (!existsSync(path)) broken.push(`lost: ${basename(landed)} was said to have landed`);
    else if (digestOf(path) !== digest) broken.push(`damaged: ${basename(landed)} was said to have landed`);
  }
  const landing = await Landing.open(folder, { ifExists: "refuse", sync: true });
  for (const { transfer, name, digest } of expected)
    if (landing.landedBefore(transfer) && !whole.has(digest))
      broken.push(`lost: the journal vouches for ${name}, which is not there`);
  await landing.close();
  return broken;
}
