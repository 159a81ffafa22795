/** Writes filespool.schema.json from the table of settings: `npm run schema`. A test says when that is due. */
import { writeFileSync } from "node:fs";
import { schemaText } from "../src/cli/config-schema.ts";

writeFileSync(new URL("../filespool.schema.json", import.meta.url), schemaText());
