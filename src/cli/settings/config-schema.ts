/**
 * The config file as JSON Schema, made from the table of settings. Editors use it to complete keys and mark mistakes.
 *
 * `npm run generate` writes it to filespool.schema.json, and a test checks that the file is up to date. The line
 * "$schema": "./node_modules/filespool/filespool.schema.json" in a config file makes editors use it. The program does not
 * read the schema; it checks values by the same types (value-types.ts).
 */
import { isKey } from "./config-file.ts";
import { SETTING_NAMES, settingOf, shownFallback } from "./settings.ts";
import type { JsonSchema } from "./value-types.ts";

export function configSchema(): JsonSchema {
  const properties = SETTING_NAMES.filter(isKey).map((name) => {
    const { help, on, schema } = settingOf(name);
    const fallback = shownFallback(name);
    const about = `${help[0]?.toUpperCase()}${help.slice(1)}.${fallback === null ? "" : ` Default: ${fallback}.`}`;
    return [name, { description: `${about} For: ${on.join(", ")}.`, ...schema }] as const;
  });
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Config file of filespool",
    type: "object",
    properties: { $schema: { type: "string" }, ...Object.fromEntries(properties) },
    additionalProperties: false,
  };
}

/** The text of the file. */
export const schemaText = (): string => `${JSON.stringify(configSchema(), null, 2)}\n`;
