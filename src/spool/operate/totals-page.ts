/**
 * The list of queues, page by page. Each page is read from where it begins, so a list of a million
 * queues costs no more than its pages.
 *
 * A queue may be known by three things, and each has an order of its own: rows of files and rows of
 * dead letters, in the index and by name; and unfinished uploads, in memory. A page needs as many
 * rows of the first two as it has, behind the cursor. Of the third there are `uploadsMax` at most.
 * Changes under way are not in the index yet, so their queues are looked at as well.
 *
 * For operators and metrics. Nothing of it is on the path of a transfer.
 */
import { deadQueue, queueOf } from "../local/records.ts";
import type { QueueTotals } from "../local/totals.ts";
import { type From, type Page, pageOfKeys, type Tally } from "./contract.ts";

/** A text behind the homes of all dead letters and before the name of any queue. */
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

/**
 * Whether a queue has anything. The last file of a queue in the index may just be on its way off.
 */
const hasAny = ({ files, dead, uploads }: Tally): boolean => files + dead + uploads > 0;
