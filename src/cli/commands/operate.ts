/**
 * `filespool list | show | status | cancel | requeue | purge | dead`: the commands for operators of a running server.
 *
 * They talk to a server over the protocol, with the settings of any client: host, port, token, certificate. People get
 * tables, and programs get one object per row:
 *
 *   {"event":"queue","queue":"photos","files":3,"bytes":61440,"dead":1,"uploads":0}
 *   {"event":"transfer","transfer":"6f2a...","state":"waiting","queue":"photos","name":"a.jpg","size":20480,"atMs":...}
 *
 * A command about several transfers handles each of them. It names one that fails and goes on with the others; the exit code
 * is that of the first failure. `status` of an unknown transfer has exit code 4, so a script can ask "do you have it?"
 * without reading the output. Never here: what the orders do (spool/operate/contract.ts), and rights (net/server/access.ts).
 */
import { type Operator, operate } from "../../net/extensions/operate/operator.ts";
import { type FilespoolError, known } from "../../protocol/errors.ts";
import { isQueueName } from "../../protocol/messages.ts";
import type { Context, Task } from "../command.ts";
import { connectionOf, isEncrypted } from "../credentials/client.ts";
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
 * Connects, works, closes. As in send.ts, a server that never answered is an error at once, unless --retry was given. After
 * that, a lost connection is made again without a message.
 */
async function withOperator<T>(
  { settings }: Task,
  { report, signal }: Context,
  work: (operator: Operator) => Promise<T>,
): Promise<T> {
  const { host, port, retry } = settings.values;
  report.talksTo(host, port, { isEncrypted: isEncrypted(settings.values), isOperator: true });
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

const NOTHING_SEEN = "There is nothing to show: a token shows only queues that it may manage.";

/**
 * `filespool list [QUEUE]`. The order is that of delivery, so the next receiver gets the first line. A file that a receiver
 * holds keeps its place, because it may come back.
 */
export function list(task: Task, context: Context): Promise<number> {
  const queue = queueIn(task.operands, "list");
  return withOperator(task, context, async (operator) => {
    if (queue === undefined) {
      const rows = await print(context, QUEUES, operator.queues(), "queue", queueRow);
      const { values } = task.settings;
      const hasToken = values.token !== undefined || values["token-file"] !== undefined;
      const nothing = hasToken ? NOTHING_SEEN : "This server holds no files.";
      return over(context.report, rows, `${counted(rows, "queue")}.`, nothing);
    }
    // Unfinished uploads come last, because they are not in the queue yet.
    const both = async function* () {
      yield* operator.files(queue);
      yield* operator.uploads(queue);
    };
    const rows = await print(context, TRANSFERS, both(), "transfer", transferRow);
    return over(context.report, rows, `${counted(rows, "file")}.`, line`Queue "${queue}" is empty.`);
  });
}

/**
 * `filespool dead [QUEUE]`. Without a queue it lists the queues first, and then reads only those that have dead letters.
 */
export function dead(task: Task, context: Context): Promise<number> {
  const queue = queueIn(task.operands, "dead");
  return withOperator(task, context, async (operator) => {
    const letters = async function* () {
      if (queue !== undefined) return yield* operator.dead(queue);
      for await (const tally of operator.queues()) if (tally.dead > 0) yield* operator.dead(tally.queue);
    };
    const rows = await print(context, LETTERS, letters(), "transfer", letterRow);
    return over(context.report, rows, `${counted(rows, "dead letter")}.`, "There are no dead letters.");
  });
}

/**
 * `filespool status TRANSFER...`. The answers have the order of the words, so a script can read them by line. There is no
 * closing sentence, because the table is the answer.
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
 * `filespool show TRANSFER`: all facts about one transfer, one per line, without those that mean nothing in its state. Times
 * have a time zone, because the server and the person may be in different ones.
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
 * `filespool cancel TRANSFER...`. It asks nothing: people copy ids and do not guess them, and the sender can send a cancelled
 * file again. The sender of a running upload is told.
 */
export function cancel(task: Task, context: Context): Promise<number> {
  const transfers = transfersIn(task.operands, "cancel");
  return forEach(task, context, transfers, "cancelled", (operator, transfer) => operator.cancel(transfer));
}

/**
 * `filespool requeue TRANSFER... | --all --queue NAME`. --all needs a typed --queue: with a queue from a config file, a person
 * who forgets --queue would put back the wrong dead letters.
 */
export function requeue(task: Task, context: Context): Promise<number> {
  const { all, queue } = task.settings.values;
  if (!all) {
    const transfers = transfersIn(task.operands, "requeue", ", or --all --queue NAME");
    return forEach(task, context, transfers, "requeued", (operator, transfer) => operator.requeue(transfer));
  }
  if (task.operands.length > 0) throw new UsageError("requeue takes ids of transfers or --all, not both");
  if (task.settings.origins.queue.kind !== "flag")
    throw new UsageError("requeue --all needs --queue NAME, the queue whose dead letters to put back");
  return withOperator(task, context, async (operator) => {
    const files = await operator.requeueAll(queue);
    context.report.done({ files }, line`${counted(files, "dead letter")} put back at the end of queue "${queue}".`);
    return EXIT.done;
  });
}

/** `filespool purge QUEUE`. operator-table.ts has asked for confirmation. */
export function purge(task: Task, context: Context): Promise<number> {
  const queue = queueIn(task.operands, "purge") as string;
  const { dead: deadOnly } = task.settings.values;
  return withOperator(task, context, async (operator) => {
    const files = await operator.purge(queue, { deadOnly });
    const noun = deadOnly ? "dead letter" : "file";
    context.report.done({ files }, line`Deleted ${counted(files, noun)} from queue "${queue}".`);
    return EXIT.done;
  });
}

/**
 * One order for each transfer, in the order of the words. Each is answered before the next is sent. That is slower than
 * several at once, but after Ctrl-C the person can see which was the last one done.
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
        report.row({ event: verb, transfer, repeated: !isNew }, () => `${verb} ${transfer}${isNew ? "" : " already"}`);
      } catch (cause) {
        const error = known(cause);
        // An error of the connection ends the run.
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
 * Prints rows as they come, in blocks, and returns their number. Only one block is in memory. The next page is fetched when
 * this one was read, so `filespool list photos | head` reads a few pages and not the whole queue.
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
 * The end of a list. It always prints something, because an empty screen could also be a command that does not work. Programs
 * get the number of rows, which shows that the list is complete.
 */
function over(report: Report, rows: number, sentence: string, nothing: string): number {
  report.done({ rows }, rows > 0 ? sentence : nothing);
  return EXIT.done;
}

/** @throws UsageError for an invalid name, with which nothing would be found */
function queueIn([queue, ...more]: readonly string[], command: string): string | undefined {
  if (more.length > 0) throw new UsageError(`${command} takes one queue`);
  if (queue !== undefined && !isQueueName(queue))
    throw new UsageError(line`"${queue}" is not a queue name: use letters, digits, space, dot, dash, underscore`);
  return queue;
}

/** @throws UsageError */
function transfersIn(operands: readonly string[], command: string, or = ""): readonly string[] {
  if (operands.length === 0)
    throw new UsageError(`${command} needs the id of a transfer${or}; filespool list QUEUE shows the ids`);
  const wrong = operands.find((word) => !/^[0-9a-f]{32}$/.test(word));
  if (wrong !== undefined)
    throw new UsageError(line`"${wrong}" is not the id of a transfer: an id has 32 hexadecimal digits`);
  return operands;
}
