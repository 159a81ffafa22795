/**
 * The rows of the table of commands that are for operators. The table itself: commands/table.ts. What a row is: command.ts.
 *
 * These commands do not ask for host and port, as send and receive do, because an operator types many of them a day. Only
 * purge asks a question: it deletes files that the command does not name, and nobody can undo that.
 */
import type { CommandRow } from "../command.ts";

const TRANSFER = { syntax: "<transfer>", help: "id of a transfer; list and send --verbose show it" } as const;
const TRANSFERS = { syntax: "<transfer...>", help: "ids of transfers; list and send --verbose show them" } as const;
/** Loaded only when one of the commands runs: the help does not need it. */
const operate = () => import("./operate.ts");
/** An id for the examples. It has the form of a real id, so the examples pass the same check as typed words. */
const ID = "6f2a9c0113d84be7a5c2f0e19d7b3a64";

// In the order of the help. A question belongs into `prepare`, which runs before anything is touched.
export const OPERATOR_COMMANDS = {
  list: {
    about: "list the queues of a server, or the files in one queue",
    operands: [{ syntax: "[queue]", help: "list the files in this queue; without it, list all queues" }],
    examples: [
      ["all queues, each with its number of files", "filespool list"],
      ["the files in one queue, in the order of delivery", "filespool list photos"],
      ["the same for a program", "filespool list photos --json"],
    ],
    run: async (task, context) => (await operate()).list(task, context),
  },
  show: {
    about: "show everything that the server knows about one transfer",
    operands: [TRANSFER],
    examples: [["where the file is, and why nobody has collected it", `filespool show ${ID}`]],
    run: async (task, context) => (await operate()).show(task, context),
  },
  // For scripts: several transfers, one line each, and an exit code that answers the question. `show` is for people.
  status: {
    about: "show the state of transfers, such as waiting or collected",
    operands: [TRANSFERS],
    examples: [["has the file been collected? (exit code 4: the server does not know it)", `filespool status ${ID}`]],
    run: async (task, context) => (await operate()).status(task, context),
  },
  // No question: people copy an id, they do not guess it, and it names exactly one transfer.
  cancel: {
    about: "delete transfers from the server: files, dead letters or unfinished uploads",
    operands: [TRANSFERS],
    examples: [["delete a file that was sent by mistake", `filespool cancel ${ID}`]],
    run: async (task, context) => (await operate()).cancel(task, context),
  },
  // Takes either ids or --all; operate.ts checks that.
  requeue: {
    about: "put dead letters back into their queue, at its end",
    operands: [{ ...TRANSFERS, syntax: "[transfer...]" }],
    examples: [
      ["one dead letter, after its receiver was repaired", `filespool requeue ${ID}`],
      ["all dead letters of a queue", "filespool requeue --all --queue photos"],
    ],
    run: async (task, context) => (await operate()).requeue(task, context),
  },
  // The only command that deletes files without naming them, hence the question.
  purge: {
    about: "delete all files and dead letters of a queue, or only its dead letters",
    operands: [{ syntax: "<queue>", help: "queue to empty; unfinished uploads to it go on" }],
    examples: [
      ["everything in a queue; asks first, on a terminal", "filespool purge photos"],
      ["only the dead letters, in a script", "filespool purge photos --dead --yes"],
    ],
    // A script gives --yes, and so does the command that is printed after the question. --no-input alone is no yes: it only
    // forbids the question.
    async prepare(task, prompter) {
      const { values } = task.settings;
      if (values.yes) return task;
      const [{ UsageError, cancelled }, { withAnswer }, { line }] = await Promise.all([
        import("../exit-codes.ts"),
        import("../settings/origins.ts"),
        import("../report/escape.ts"),
      ]);
      const what = values.dead ? "all dead letters" : "all files and dead letters";
      if (prompter === null) throw new UsageError("purge deletes files permanently: add --yes to confirm");
      if (!(await prompter.confirm(line`Delete ${what} of queue "${task.operands[0] ?? ""}" permanently?`)))
        throw cancelled();
      return { ...task, settings: withAnswer(task.settings, "yes", true) };
    },
    run: async (task, context) => (await operate()).purge(task, context),
  },
  // A command of its own, because other columns matter here: how often, since when, and why.
  dead: {
    about: "list dead letters: files whose delivery failed too often",
    operands: [{ syntax: "[queue]", help: "list those of this queue; without it, list those of all queues" }],
    examples: [["which files failed, how often, and why", "filespool dead photos"]],
    run: async (task, context) => (await operate()).dead(task, context),
  },
} as const satisfies Record<string, CommandRow>;
