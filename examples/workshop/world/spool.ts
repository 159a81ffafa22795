/** What the laws about the queues share: files with a number, offered and stored, on a disk that can be cut. */
import { join } from "node:path";
import type { Answer, Offer, Queues, Upload } from "../../../minimal/queues.ts";
import { digestOf } from "../../../src/disk/digest.ts";
import { broken, type Modules } from "../laws/law.ts";
import { type Disk, PowerCut } from "./disk.ts";

/** Where the spool lies on its disk. */
export const SPOOL = "spool";

export const idOf = (number: number): string => String(number).padStart(32, "0");
export const contentOf = (number: number): Buffer => Buffer.from(`the only copy of file ${number}`);
export const digestOfFile = (number: number): string => digestOf("sha256", contentOf(number));

export const offerOf = (number: number, queue = "default"): Offer => ({
  ...{ transfer: idOf(number), queue, name: `${number}.txt`, size: contentOf(number).length, algorithm: "sha256" },
});

/** A clock that only a law moves. */
export interface Clock {
  ms: number;
}

export const openQueues = (
  { openQueues: open }: Modules["queues"],
  disk: Disk,
  clock: Clock = { ms: 0 },
): Promise<Queues> => open(join(disk.root, SPOOL), () => clock.ms);

export const isUpload = (answer: Answer): answer is Upload => !("stored" in answer);

/** Offers a file and sends what is missing of it, as a sender does. Resolves when it is stored. */
export async function store(queues: Queues, number: number, queue?: string): Promise<void> {
  const answer = await queues.offer(offerOf(number, queue), () => {});
  if (!isUpload(answer)) return;
  const rest = contentOf(number).subarray(answer.file.next);
  if (rest.length > 0)
    await answer.file.append({ type: "data", offset: answer.file.next, length: rest.length, parts: [rest] });
  await queues.finish(answer, digestOfFile(number), contentOf(number).length);
}

/** Works until the power is cut. False when it was. */
export async function untilCut(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    let cause: unknown = error;
    while (cause instanceof Error && !(cause instanceof PowerCut)) cause = cause.cause;
    if (cause instanceof PowerCut) return false;
    throw error;
  }
}

/** Each record in a folder of the spool, by its name, in the order of the names. */
export function recordsIn(disk: Disk, folder: string): { name: string; transfer: string }[] {
  const start = `${SPOOL}/${folder}/`;
  return [...disk.files()]
    .filter(([path]) => path.startsWith(start))
    .map(([path, bytes]) => ({ name: path.slice(start.length), transfer: transferIn(path, bytes) }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function transferIn(path: string, bytes: Buffer): string {
  try {
    return (JSON.parse(bytes.toString()) as Offer).transfer;
  } catch {
    return broken(`${path} has ${bytes.length} bytes and is no record`);
  }
}

/** Two disks that one power cut may leave: names that were not synced are lost, or they were written early. */
export const CUTS = ["synced", "all"] as const;
