/**
 * The config file as JSON Schema, from the table of settings: what an editor offers and underlines.
 *
 * It is written to filespool.schema.json by `npm run generate`; a test keeps that file fresh. In a config file,
 * "$schema": "./node_modules/filespool/filespool.schema.json" makes editors use it. It is no second rule: the program
 * judges values by the same types (value-types.ts) and does not read the schema.
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
