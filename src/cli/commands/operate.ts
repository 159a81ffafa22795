/**
 * `filespool list | show | status | cancel | requeue | purge | dead`: looking after a running server.
 *
 * All of them talk to a server over the protocol, with the settings of any client: host, port, token, certificate. People get
 * tables, programs one object per row:
 *
 *   {"event":"queue","queue":"photos","files":3,"bytes":61440,"dead":1,"uploads":0}
 *   {"event":"transfer","transfer":"6f2a...","state":"waiting","queue":"photos","name":"a.jpg","size":20480,"atMs":...}
 *
 * An order about several transfers is carried out for each of them; one that fails is named, the others go on, and the exit code
 * is that of the first failure. `status` of a transfer that the server does not know is exit code 4, so that a script can ask
 * "do you have it?" without reading anything. Never here: what the orders do (spool/operate/contract.ts), and rights (net/server/access.ts).
 */
import { type Operator, operate } from "../../net/extensions/operate/operator.ts";
import { type FilespoolError, known } from "../../protocol/errors.ts";
import { isQueueName } from "../../protocol/messages.ts";
import type { Context, Task } from "../command.ts";
import { connectionOf } from "../credentials/client.ts";
import { EXIT, exitCodeOf, UsageError } from "../exit-codes.ts";
import { counted, escapeText, line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { BLOCK_ROWS, type Column, record, tableLines } from "../report/table.ts";
import { isGiven } from "../settings/origins.ts";
import { humanSize, moment } from "../settings/units.ts";
import {
  ageOf,
  LETTERS,
  letterRow,
  QUEUES,
  queueRow,
  sizeOf,
  stateOf,
  TRANSFERS,
  transferRow,
} from "./operate-rows.ts";

/**
 * Connects, works, says goodbye. As in send.ts, there is no patience with a server that never answered unless somebody asked for
 * it: who types `list` wants to know now. Once it has answered, a cut is mended without a word.
 */
async function withOperator<T>(
  { settings }: Task,
  { report, signal }: Context,
  work: (operator: Operator) => Promise<T>,
): Promise<T> {
  const { host, port, retry } = settings.values;
  report.talksTo(host, port);
  const operator = await operate({
    ...(await connectionOf(settings)),
    retryMs: retry,
    connectRetryMs: isGiven(settings, "retry") ? retry : 0,
    signal,
    onEvent: report.transfer,
  });
  try {
    return await work(operator);
  } finally {
    await operator.close();
  }
}

const NOTHING_SEEN = "There is nothing that this token may look at: it sees queues that it has the right to manage.";

/**
 * `filespool list [QUEUE]`. The order of a queue is the order of delivery, so the first line is what the next receiver gets; what
 * a receiver has at this moment keeps its line, because it may come back.
 */
export function list(task: Task, context: Context): Promise<number> {
  const queue = queueIn(task.operands, "list");
  return withOperator(task, context, async (operator) => {
    if (queue === undefined) {
      const rows = await print(context, QUEUES, operator.queues(), "queue", queueRow);
      const { values } = task.settings;
      const hasToken = values.token !== undefined || values["token-file"] !== undefined;
      const nothing = hasToken ? NOTHING_SEEN : "There is nothing on this server.";
      return over(context.report, rows, `${counted(rows, "queue")}.`, nothing);
    }
    // What is on its way comes last: it is not in the queue yet.
    const both = async function* () {
      yield* operator.files(queue);
      yield* operator.uploads(queue);
    };
    const rows = await print(context, TRANSFERS, both(), "transfer", transferRow);
    return over(context.report, rows, `${counted(rows, "file")}.`, line`Nothing is in queue "${queue}".`);
  });
}

/**
 * `filespool dead [QUEUE]`. Without a queue it asks for the queues first and for the letters of those that have some, so that it
 * costs no more than the answer is long.
 */
export function dead(task: Task, context: Context): Promise<number> {
  const queue = queueIn(task.operands, "dead");
  return withOperator(task, context, async (operator) => {
    const letters = async function* () {
      if (queue !== undefined) return yield* operator.dead(queue);
      for await (const tally of operator.queues()) if (tally.dead > 0) yield* operator.dead(tally.queue);
    };
    const rows = await print(context, LETTERS, letters(), "transfer", letterRow);
    return over(context.report, rows, `${counted(rows, "dead letter")}.`, "No dead letters.");
  });
}

/**
 * `filespool status TRANSFER...`. One after the other, in the order in which they were typed: a script that asks for many reads the
 * answers by line. It prints no closing sentence, since the table is the answer.
 */
export function status(task: Task, context: Context): Promise<number> {
  const transfers = transfersIn(task.operands, "status");
  return withOperator(task, context, async (operator) => {
    let unknown = 0;
    const states = async function* () {
      for (const transfer of transfers) {
        const info = await operator.show(transfer);
        if (info.state === "unknown") unknown++;
        yield info;
      }
    };
    const rows = await print(context, TRANSFERS, states(), "transfer", transferRow);
    context.report.done({ rows, unknown }, "");
    return unknown > 0 ? EXIT.refused : EXIT.done;
  });
}

/**
 * `filespool show TRANSFER`: all that is known of one, a fact per line, and none that means nothing in its state. Moments are told
 * with their time zone, because the server may be in another one than the person.
 */
export function show(task: Task, context: Context): Promise<number> {
  const [transfer] = transfersIn(task.operands, "show") as [string];
  return withOperator(task, context, async (operator) => {
    const info = await operator.show(transfer);
    const facts: readonly (readonly [string, string])[] = [
      ["transfer", info.transfer],
      ["state", stateOf(info)],
      ["name", escapeText(info.name ?? "")],
      ["queue", escapeText(info.queue ?? "")],
      ["size", sizeOf(info)],
      ["on disk", info.offset === undefined ? "" : humanSize(info.offset)],
      ["sender", info.isActive === undefined ? "" : info.isActive ? "connected" : "away"],
      ["since", info.atMs === undefined ? "" : `${moment(info.atMs)} (${ageOf(info)})`],
      ["digest", info.digest === undefined ? "" : line`${info.algorithm ?? ""} ${info.digest}`],
      ["failures", info.failures ? String(info.failures) : ""],
      ["reason", escapeText(info.reason ?? "")],
      ["first failed", info.firstFailedAtMs === undefined ? "" : moment(info.firstFailedAtMs)],
      ["last failed", info.lastFailedAtMs === undefined ? "" : moment(info.lastFailedAtMs)],
    ];
    const lines = record(
      facts.map(([title]) => title),
      facts.map(([, text]) => text),
    );
    context.report.row({ event: "transfer", ...info }, () => lines.slice(0, -1).join("\n"));
    return info.state === "unknown" ? EXIT.refused : EXIT.done;
  });
}

/**
 * `filespool cancel TRANSFER...`. It asks nothing: ids are copied, not guessed, and a cancelled file can be sent again by who has
 * it. Where it is an upload under way, its sender is told.
 */
export function cancel(task: Task, context: Context): Promise<number> {
  const transfers = transfersIn(task.operands, "cancel");
  return forEach(task, context, transfers, "cancelled", (operator, transfer) => operator.cancel(transfer));
}

/**
 * `filespool requeue TRANSFER... | --all --queue NAME`. "All" is of one queue that somebody has named: with a default queue in a
 * config file, a forgotten --queue would put back what nobody meant.
 */
export function requeue(task: Task, context: Context): Promise<number> {
  const { all, queue } = task.settings.values;
  if (!all) {
    const transfers = transfersIn(task.operands, "requeue", " or --all --queue NAME");
    return forEach(task, context, transfers, "requeued", (operator, transfer) => operator.requeue(transfer));
  }
  if (task.operands.length > 0) throw new UsageError("requeue takes transfers or --all, not both");
  if (task.settings.origins.queue.kind !== "flag")
    throw new UsageError("requeue --all needs --queue: whose dead letters?");
  return withOperator(task, context, async (operator) => {
    const files = await operator.requeueAll(queue);
    context.report.done({ files }, line`${counted(files, "dead letter")} back at the end of queue "${queue}".`);
    return EXIT.done;
  });
}

/** `filespool purge QUEUE`; whether it is meant was settled before (commands/table.ts). */
export function purge(task: Task, context: Context): Promise<number> {
  const queue = queueIn(task.operands, "purge") as string;
  const { dead: deadOnly } = task.settings.values;
  return withOperator(task, context, async (operator) => {
    const files = await operator.purge(queue, { deadOnly });
    const noun = deadOnly ? "dead letter" : "file";
    context.report.done({ files }, line`${counted(files, noun)} of queue "${queue}" removed.`);
    return EXIT.done;
  });
}

/**
 * One order for each transfer, in the order in which they were typed, each answered before the next is given. That is slower than
 * a window of them, and it is known at any moment what has been done: whoever presses Ctrl-C sees the last one that was.
 */
function forEach(
  task: Task,
  context: Context,
  transfers: readonly string[],
  verb: "cancelled" | "requeued",
  work: (operator: Operator, transfer: string) => Promise<boolean>,
): Promise<number> {
  const { report } = context;
  return withOperator(task, context, async (operator) => {
    const failures: FilespoolError[] = [];
    let files = 0;
    for (const transfer of transfers) {
      try {
        const isNew = await work(operator, transfer);
        if (isNew) files++;
        report.row({ event: verb, transfer, repeated: !isNew }, () => `${verb} ${transfer}${isNew ? "" : " before"}`);
      } catch (cause) {
        const error = known(cause);
        // What concerns the connection concerns all that are left.
        if (error.kind !== "refused" && error.code !== "queue-full") throw error;
        failures.push(error);
        report.transfer({
          event: "refused",
          path: transfer,
          code: error.code,
          message: `${transfer}: ${error.message}`,
        });
      }
    }
    const failed = failures.length;
    report.done(
      { files, failed },
      `Done: ${counted(files, "transfer")} ${verb}${failed > 0 ? `, ${failed} failed` : ""}.`,
    );
    const [first] = failures;
    if (first === undefined) return EXIT.done;
    report.failures(failures);
    return exitCodeOf(first);
  });
}

/**
 * Prints rows as they come, a block at a time; returns how many there were. Ten million rows pass through here in the memory of one
 * block, and the next page is fetched when this one is read: `filespool list photos | head` reads some pages, not the queue.
 */
async function print<T extends object>(
  { report, stdout }: Context,
  columns: readonly Column[],
  rows: AsyncIterable<T>,
  event: string,
  cellsOf: (row: T) => readonly string[],
): Promise<number> {
  const width = stdout.isTTY === true ? (stdout.columns ?? 80) : null;
  let block: (readonly string[])[] = [];
  let count = 0;
  const flush = () => {
    const isFirst = count <= block.length;
    for (const text of block.length === 0 ? [] : tableLines(columns, block, width, isFirst)) report.say(text);
    block = [];
  };
  for await (const row of rows) {
    count++;
    if (!report.row({ event, ...row }, null)) block.push(cellsOf(row));
    if (count % BLOCK_ROWS > 0) continue;
    flush();
    await stdout.drained();
    if (stdout.failure !== null) break;
  }
  flush();
  return count;
}

/**
 * The end of a list, which is never silent: an empty screen might also be a command that does not work. Programs get the number of
 * rows, by which they know that the list is whole.
 */
function over(report: Report, rows: number, sentence: string, nothing: string): number {
  report.done({ rows }, rows > 0 ? sentence : nothing);
  return EXIT.done;
}

/** @throws UsageError for a name that cannot be one: nothing would be found, and nobody would know why */
function queueIn([queue, ...more]: readonly string[], command: string): string | undefined {
  if (more.length > 0) throw new UsageError(`${command} takes one queue`);
  if (queue !== undefined && !isQueueName(queue))
    throw new UsageError(line`"${queue}" is no queue name: letters, digits, space, dot, dash, underscore`);
  return queue;
}

/** @throws UsageError */
function transfersIn(operands: readonly string[], command: string, or = ""): readonly string[] {
  if (operands.length === 0)
    throw new UsageError(`${command} needs the id of a transfer${or}: see filespool list QUEUE`);
  const wrong = operands.find((word) => !/^[0-9a-f]{32}$/.test(word));
  if (wrong !== undefined)
    throw new UsageError(line`"${wrong}" is no id of a transfer, which is 32 hexadecimal digits`);
  return operands;
}
