/** Limits: every number that bounds something, with its unit and with what breaks without it. */
import { LIMITS } from "../../../src/protocol/limits.ts";
import { SPOOL_LIMITS } from "../../../src/spool/contract.ts";
import { limit } from "../../plugins/units.ts";
import { cell, code, join, type Page, table } from "../markdown.ts";
import { prose, sentences } from "../prose.ts";
import { fileComment, type Member, membersOf, sourceOf } from "../source-comments.ts";

/** `isAgain`: a limit of that name stands in a table before, and an anchor is there once. */
const row = ({ name, comment }: Member, value: unknown, isAgain = false): string[] => [
  isAgain ? code(name) : `<a id="${name}"></a>${code(name)}`,
  value === undefined ? "" : limit(name, value),
  cell(sentences(comment)),
];

/** The defaults of the server stand in its constructor. A text that no longer has them is noticed. */
function serverDefault(name: string): number {
  const found = new RegExp(`\\b${name}: ([\\d_]+)`).exec(sourceOf("src/net/create-server.ts").text);
  if (!found) throw new Error(`src/net/create-server.ts no longer says the default of ${name}`);
  return Number((found[1] as string).replaceAll("_", ""));
}

export function limitsPage(): Page {
  const protocol = membersOf("src/protocol/limits.ts", "LIMITS", true);
  const spool = membersOf("src/spool/contract.ts", "SpoolLimits");
  const net = membersOf("src/net/server/session.ts", "NetLimits");
  const head = ["Limit", "Value", "What it bounds, and what breaks without it"];
  return {
    name: "limits",
    title: "Limits",
    about: "Every bound on bytes, counts and waits, with its default.",
    from: ["src/protocol/limits.ts", "src/spool/contract.ts", "src/net/server/session.ts"],
    body: join(
      prose(fileComment("src/protocol/limits.ts")),
      "## Of the protocol",
      "Both ends know these. Those that a server may set otherwise are in its [`welcome`](messages.md#welcome).",
      table(
        head,
        protocol.map((member) => row(member, LIMITS[member.name as keyof typeof LIMITS])),
      ),
      "## Of a spool",
      "What a server keeps at most. The defaults; the [command line](command-line.md#serve) has a flag for most of them.",
      table(
        head,
        spool.map((member) =>
          row(member, SPOOL_LIMITS[member.name as keyof typeof SPOOL_LIMITS], member.name in LIMITS),
        ),
      ),
      "## Of a server's connections",
      table(
        head,
        net.map((member) =>
          member.name in LIMITS
            ? row(member, LIMITS[member.name as keyof typeof LIMITS], true)
            : row(member, serverDefault(member.name)),
        ),
      ),
    ),
  };
}
