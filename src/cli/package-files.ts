/**
 * Files of the package that the program reads, besides its own modules.
 *
 * The sources are in src/cli, and the installed script is in dist/cli (adr/0061): both two folders below the package. So
 * these addresses are right only in a file directly in this folder.
 */
import { fileURLToPath } from "node:url";

export const PACKAGE = new URL("../../package.json", import.meta.url);
/** Where the schema of config files is in this installation, for editors. */
export const SCHEMA = fileURLToPath(new URL("../../filespool.schema.json", import.meta.url));
