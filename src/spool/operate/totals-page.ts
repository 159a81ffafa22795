/**
 * The list of queues, page by page: each page is read where it begins, so that a list of a million queues costs no more
 * than its pages do.
 *
 * A queue is known for up to three things, and each of them is in an order of its own: rows of files and rows of dead
 * letters in the index, by name, and unfinished uploads in memory. What a page needs of the first two are as many rows
 * behind the cursor as it has; the third is as short as `uploadsMax`. Changes that are under way are not in the index yet,
 * so their queues are looked at as well. For operators and metrics; nothing of it is on the path of a transfer.
 */
import { deadQueue, queueOf } from "../local/records.ts";
import type { QueueTotals } from "../local/totals.ts";
import { type From, type Page, pageOfKeys, type Tally } from "./contract.ts";

/** Behind the homes of all dead letters, and before the name of any queue. */
const NAMES = `${deadQueue("").slice(0, -1)}0`;

/** One page of all queues that have anything, by name. */
export function pageOfQueues(totals: QueueTotals, from: From): Page<Tally> {
  const { cursor, rows } = from;
  const files = totals.rows(cursor ?? NAMES, rows + 1);
  const dead = totals.rows(deadQueue(cursor ?? ""), rows + 1, NAMES);
  const names = [...files, ...dead].map(({ home }) => queueOf(home));
  const page = pageOfKeys([...names, ...totals.inMemory()], from);
  return { rows: page.rows.map((queue) => tallyOf(totals, queue)).filter(hasAny), next: page.next };
}

function tallyOf(totals: QueueTotals, queue: string): Tally {
  const [files, bytes] = totals.of(queue);
  return { queue, files, bytes, dead: totals.of(deadQueue(queue))[0], uploads: totals.unfinished(queue) };
}

/** Not one whose last file is being taken off at this moment. */
const hasAny = ({ files, dead, uploads }: Tally): boolean => files + dead + uploads > 0;
