/**
 * Writes the run that the timeline of the site shows before its script is there: npx tsx scripts/first-story.ts
 *
 * A page cannot wait for a simulation while it is being built, so its first story lies here as text. A test plays it
 * anew and compares; it differs whenever the protocol says something else.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createDigest } from "../src/disk/digest.ts";
import { run } from "../website/src/live/timeline/run.ts";
import { FIRST } from "../website/src/live/timeline/settings.ts";
import type { Story } from "../website/src/live/timeline/story.ts";

export const FIRST_STORY = join(import.meta.dirname, "../website/src/live/recordings/first-story.json");

export const firstStory = (): Promise<Story> => run(FIRST, () => createDigest("sha256"));

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await writeFile(FIRST_STORY, `${JSON.stringify(await firstStory())}\n`);
  console.log(`wrote ${FIRST_STORY}`);
}
