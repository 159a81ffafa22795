/**
 * What `filespool send` is to send: paths as they are, and `-` for what is piped into it.
 *
 *   pg_dump shop | filespool send - --name shop.sql
 *
 * A pipe ends the same way whether its producer succeeded or died; in a script, `set -o pipefail` tells them apart. A file
 * that is really called "-" is `./-`. Never here: how a stream is sent (net/extensions/stream/stream-source.ts).
 */
import type { Readable } from "node:stream";
import type { StreamSource } from "../../net/options.ts";
import { UsageError } from "../exit-codes.ts";
import type { Settings } from "../settings/origins.ts";

/** Standard input in the list of files. */
export const STDIN = "-";
/** What it is called unless somebody says. */
const STDIN_NAME = "stdin";

/** @throws UsageError for a second `-`, and for a name that nothing has */
export function sourcesOf(
  operands: readonly string[],
  { values, origins }: Settings,
  environment: { readonly stdin: Readable },
): (string | StreamSource)[] {
  const count = operands.filter((operand) => operand === STDIN).length;
  if (count > 1) throw new UsageError("standard input can be sent once: give - only once");
  if (count === 0 && origins.name.kind === "flag")
    throw new UsageError("--name is the name of standard input, and there is no - among the files");
  // The stream is not touched before its turn comes, so files in front of it are sent while its producer still works.
  const piped = () => ({ name: values.name ?? STDIN_NAME, path: "standard input", stream: environment.stdin });
  return operands.map((operand) => (operand === STDIN ? piped() : operand));
}
