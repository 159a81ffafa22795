/**
 * Writes what is made of the tables in src/cli and committed: the manual page, and the schemas
 * of the events and of the config file.
 *
 *   tsx scripts/generate.ts           write them
 *   tsx scripts/generate.ts --check   exit 1 when one is not what would be written
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import { manualPage } from "../src/cli/commands/manual.ts";
import { version } from "../src/cli/environment.ts";
import { EVENT_SCHEMAS } from "../src/cli/report/json-events.ts";
import { schemaText } from "../src/cli/settings/config-schema.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** One definition for each event of each command, and for each command the choice between its events. */
function eventsSchema(): string {
  const definitions: Record<string, JsonSchema> = {};
  for (const [command, rows] of Object.entries(EVENT_SCHEMAS)) {
    const refs = Object.entries(rows).map(([event, schema]) => {
      const { $schema: _, ...definition } = toJsonSchema(schema, { ignoreActions: ["readonly"] });
      definitions[`${command}.${event}`] = definition;
      return { $ref: `#/definitions/${command}.${event}` };
    });
    definitions[command] = { description: `A line of filespool ${command} --json.`, anyOf: refs };
  }
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Events of filespool --json",
    description: "Each line on standard output is one of these objects.",
    anyOf: Object.keys(EVENT_SCHEMAS).map((command) => ({ $ref: `#/definitions/${command}` })),
    definitions,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Path to text, of everything that is made. */
export const generated = (): Readonly<Record<string, string>> => ({
  "filespool-events.schema.json": eventsSchema(),
  "filespool.schema.json": schemaText(),
  "man/filespool.1": manualPage(version()),
});

/** Paths of those that are missing, or are not what would be written. */
export function stale(): string[] {
  const onDisk = (path: string): string => {
    try {
      return readFileSync(ROOT + path, "utf8");
    } catch {
      return "";
    }
  };
  return Object.entries(generated()).flatMap(([path, text]) => (onDisk(path) === text ? [] : [path]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) {
    const paths = stale();
    if (paths.length > 0) console.error(`Out of date: ${paths.join(", ")}. Run: npm run generate`);
    process.exitCode = paths.length > 0 ? 1 : 0;
  } else {
    for (const [path, text] of Object.entries(generated())) {
      mkdirSync(dirname(ROOT + path), { recursive: true });
      writeFileSync(ROOT + path, text);
    }
  }
}
