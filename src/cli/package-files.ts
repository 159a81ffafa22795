/**
 * Files of the package that the program reads beside its own modules.
 *
 * The sources lie in src/cli and what is installed is one script in dist/cli (adr/0061), both two folders below the package.
 * So these addresses are right in a file of this folder, and would not be in a folder below it.
 */
import { fileURLToPath } from "node:url";

export const PACKAGE = new URL("../../package.json", import.meta.url);
/** Where the schema of config files is in this installation, for editors. */
export const SCHEMA = fileURLToPath(new URL("../../filespool.schema.json", import.meta.url));
