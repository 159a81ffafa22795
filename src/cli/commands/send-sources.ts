/**
 * The sources of `filespool send`: paths, and `-` for standard input.
 *
 *   pg_dump shop | filespool send - --name shop.sql
 *
 * A pipe ends in the same way whether its writer succeeded or crashed; in a script, `set -o pipefail` detects the crash. A
 * file with the name "-" is `./-`. Never here: how a stream is sent (net/extensions/stream/stream-source.ts).
 */
import type { Readable } from "node:stream";
import type { StreamSource } from "../../net/options.ts";
import { UsageError } from "../exit-codes.ts";
import type { Settings } from "../settings/origins.ts";

/** Standard input in the list of files. */
export const STDIN = "-";
/** Its name without --name. */
const STDIN_NAME = "stdin";

/** @throws UsageError for a second `-`, and for --name without `-` */
export function sourcesOf(
  operands: readonly string[],
  { values, origins }: Settings,
  environment: { readonly stdin: Readable },
): (string | StreamSource)[] {
  const count = operands.filter((operand) => operand === STDIN).length;
  if (count > 1) throw new UsageError("standard input can be sent only once: give - once");
  if (count === 0 && origins.name.kind === "flag")
    throw new UsageError("--name is the name for standard input, but - is not among the files");
  // Nobody reads the stream before its turn, so files in front of it are sent while its writer still works.
  const piped = () => ({ name: values.name ?? STDIN_NAME, path: "standard input", stream: environment.stdin });
  return operands.map((operand) => (operand === STDIN ? piped() : operand));
}
