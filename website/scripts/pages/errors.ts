/** Error codes and exit codes, from the closed table and the codes that the command line makes of it. */
import { EXIT } from "../../../src/cli/exit-codes.ts";
import { ERRORS, type ErrorKind } from "../../../src/protocol/errors.ts";
import { cell, code, join, type Page, table } from "../markdown.ts";
import { prose } from "../prose.ts";
import { fileComment } from "../source-comments.ts";

/** What a kind means to whoever has to act; a new kind does not compile without its line. */
const KINDS: Record<ErrorKind, { readonly title: string; readonly act: string }> = {
  unreachable: {
    title: "The other end cannot be reached",
    act: "Nothing answers, or the road between broke. Try again.",
  },
  refused: { title: "Refused for good", act: "The answer stays no until somebody changes the request." },
  temporary: { title: "Refused for now", act: "The same request may succeed later. Try again." },
  integrity: { title: "Bytes or rules were broken", act: "What arrived is not what was meant; nothing of it is kept." },
  local: { title: "Something on this machine", act: "A file, folder or address here cannot be used. Look at it." },
  bug: { title: "A bug of ours", act: "Nobody else has to change anything. Please report it." },
};

export function errorsPage(): Page {
  const codes = Object.entries(ERRORS);
  const parts = (Object.keys(KINDS) as ErrorKind[]).map((kind) =>
    join(
      `## ${KINDS[kind].title}`,
      `Kind \`${kind}\`, exit code [${EXIT[kind]}](exit-codes.md). ${KINDS[kind].act}`,
      table(
        ["Code", "Means", "Whose fault", "Try again?"],
        codes
          .filter(([, row]) => row.kind === kind)
          .map(([name, row]) => [
            `<a id="${name}"></a>${code(name)}`,
            cell(row.means),
            row.fault,
            row.retry ? "yes" : "no",
          ]),
      ),
    ),
  );
  return {
    name: "errors",
    title: "Error codes",
    about: `The ${codes.length} ways in which something can fail: what each means, whose fault it is, and whether to try again.`,
    from: ["src/protocol/errors.ts", "src/cli/exit-codes.ts"],
    body: join(
      prose(fileComment("src/protocol/errors.ts")),
      "A code travels in the frames [`refuse`](messages.md#refuse), [`error`](messages.md#error) and [`withdraw`](messages.md#withdraw), in `--json` events, and as `code` of a `FilespoolError`. A client that meets a code it does not know ends the conversation.",
      ...parts,
    ),
  };
}

/** Who ends with each code, for the codes that are no kind of failure. */
const OTHERS: Record<Exclude<keyof typeof EXIT, ErrorKind>, string> = {
  done: "Everything that was asked for was done.",
  usage: "The command line, a variable or the config file asks for something that cannot be done. Nothing was touched.",
  interrupted: "Ctrl-C, or a question that was left unanswered. 128 + 2, as shells have it.",
  unread:
    "The reader of the output went away before its end (`| head`). 128 + 13, as shells have it. What the command does to files is done.",
};

export function exitCodesPage(): Page {
  const rows = Object.entries(EXIT).map(([name, exit]) => {
    const kind = KINDS[name as ErrorKind];
    const codes = Object.entries(ERRORS).filter(([key, row]) => row.kind === name && key !== "interrupted");
    const meaning = kind === undefined ? OTHERS[name as keyof typeof OTHERS] : `${kind.title}. ${kind.act}`;
    return [`**${exit}**`, code(name), meaning, codes.map(([key]) => `[${code(key)}](errors.md#${key})`).join(", ")];
  });
  return {
    name: "exit-codes",
    title: "Exit codes",
    about: "What the number means with which a command ends.",
    from: ["src/cli/exit-codes.ts", "src/protocol/errors.ts"],
    body: join(prose(fileComment("src/cli/exit-codes.ts")), table(["Code", "Name", "Means", "Errors with it"], rows)),
  };
}
