/**
 * The rows of the table of commands that are for operators. The table itself, and what a row is: commands/table.ts.
 *
 * None of them asks for host and port, as send and receive do: who looks after a server types many of them a day. The one
 * question here is whether a purge is meant, because it is the one command that cannot be taken back.
 */
import type { CommandRow } from "../command.ts";

const TRANSFER = { syntax: "<transfer>", help: "its id, as list and send --verbose show it" } as const;
const TRANSFERS = { syntax: "<transfer...>", help: "their ids, as list and send --verbose show them" } as const;
/** Loaded when one of them runs: the help of any command is written without it. */
const operate = () => import("./operate.ts");
/** An id in the examples: of the form that a real one has, so that the examples pass the check that people's words pass. */
const ID = "6f2a9c0113d84be7a5c2f0e19d7b3a64";

// In the order of the help. What cannot be taken back has its question in `prepare`, where nothing has been touched yet.
export const OPERATOR_COMMANDS = {
  list: {
    about: "show the queues of a server, or the files of one",
    operands: [{ syntax: "[queue]", help: "lists its files; without it, all queues are listed" }],
    examples: [
      ["all queues, with what is in them", "filespool list"],
      ["the files of one, in the order in which they are delivered", "filespool list photos"],
      ["for a program", "filespool list photos --json"],
    ],
    run: async (task, context) => (await operate()).list(task, context),
  },
  show: {
    about: "show all that is known of one transfer",
    operands: [TRANSFER],
    examples: [["where is it, and why has nobody got it?", `filespool show ${ID}`]],
    run: async (task, context) => (await operate()).show(task, context),
  },
  // For scripts, where show is for people: several at a time, one line each, and an exit code that answers by itself.
  status: {
    about: "tell what became of transfers, such as waiting or collected",
    operands: [TRANSFERS],
    examples: [["has it been collected? (exit code 4: unknown)", `filespool status ${ID}`]],
    run: async (task, context) => (await operate()).status(task, context),
  },
  // No question here: an id is copied and not guessed, and names exactly what goes.
  cancel: {
    about: "remove transfers for ever, wherever they are",
    operands: [TRANSFERS],
    examples: [["take back what was sent by mistake", `filespool cancel ${ID}`]],
    run: async (task, context) => (await operate()).cancel(task, context),
  },
  // Either ids or --all: which of the two is a matter of what follows, and is checked where it runs.
  requeue: {
    about: "put dead letters back at the end of their queue",
    operands: [{ ...TRANSFERS, syntax: "[transfer...]" }],
    examples: [
      ["one, whose receiver has been mended", `filespool requeue ${ID}`],
      ["all of a queue", "filespool requeue --all --queue photos"],
    ],
    run: async (task, context) => (await operate()).requeue(task, context),
  },
  // The only one that takes away what it does not name, hence the question.
  purge: {
    about: "remove all files of a queue for ever, or its dead letters",
    operands: [{ syntax: "<queue>", help: "unfinished uploads to it go on" }],
    examples: [
      ["asks first, on a terminal", "filespool purge photos"],
      ["only what failed too often, in a script", "filespool purge photos --dead --yes"],
    ],
    // --yes is what a script says, and what the command that is printed after the question says as well. --no-input alone is
    // no yes: it means "do not ask", and what is not allowed without asking is then not allowed.
    async prepare(task, prompter) {
      const { values } = task.settings;
      if (values.yes) return task;
      const [{ UsageError, cancelled }, { withAnswer }, { line }] = await Promise.all([
        import("../exit-codes.ts"),
        import("../settings/origins.ts"),
        import("../report/escape.ts"),
      ]);
      const what = values.dead ? "all dead letters" : "all files, dead letters included,";
      if (prompter === null) throw new UsageError("purge removes files for ever: add --yes if you mean it");
      if (!(await prompter.confirm(line`Remove ${what} of queue "${task.operands[0] ?? ""}" for ever?`)))
        throw cancelled();
      return { ...task, settings: withAnswer(task.settings, "yes", true) };
    },
    run: async (task, context) => (await operate()).purge(task, context),
  },
  // A list of its own, because the columns that matter are others: how often, since when, and why.
  dead: {
    about: "show dead letters: files that no receiver could take",
    operands: [{ syntax: "[queue]", help: "without it, those of all queues" }],
    examples: [["what failed, how often, and why", "filespool dead photos"]],
    run: async (task, context) => (await operate()).dead(task, context),
  },
} as const satisfies Record<string, CommandRow>;
