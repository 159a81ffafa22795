/** Receivers that are killed at a given moment of a landing, and what becomes of their files after that. */

import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { WriteBacklog } from "../../src/disk/batch-writer.ts";
import { FileAttributes } from "../../src/net/receiver/file-attributes.ts";
import { Landing } from "../../src/net/receiver/landing.ts";
import { PartFile } from "../../src/net/receiver/part-file.ts";
import type { MessageOf } from "../../src/protocol/messages.ts";
import { sha256 } from "./content.ts";
import { serveLies } from "./hostile-server.ts";
import { idOf } from "./raw-peer.ts";
import type { Workspace } from "./workspace.ts";

const KiB = 1024;
/** A file that comes in memory, and one that comes in a part file. */
export const SIZES: [string, number][] = [
  ["small", 100],
  ["large", 100 * KiB],
];

export function deliveryOf(number: number, bytes: Uint8Array, name = `file-${number}`): MessageOf<"deliver"> {
  const about = { transfer: idOf(number), queue: "default", name, size: bytes.length, attempt: 1 };
  return { type: "deliver", delivery: `d-${number}`, ...about, algorithm: "sha256", digest: sha256(bytes) };
}

/** All that the delivery says, and no disk that keeps less. */
export const attributesOf = (delivery: MessageOf<"deliver">): FileAttributes =>
  new FileAttributes(delivery, "all", (_, message) => expect(message).toBe(""));

export async function incoming(folder: string, delivery: MessageOf<"deliver">, bytes: Uint8Array): Promise<PartFile> {
  const attributes = attributesOf(delivery);
  const options = {
    folder,
    bufferBytes: 64 * KiB,
    sync: true,
    attributes,
    backlog: new WriteBacklog(),
    onSynced: () => {},
  };
  const file = await PartFile.open(delivery, options);
  await file.append(0, [bytes], bytes.length);
  return file;
}

/** Lands files in the folder "out" up to the moment before the ack, and then dies. */
export async function landAndDie(work: Workspace, ...files: Uint8Array[]): Promise<void> {
  const out = work.path("out");
  const landing = await Landing.open(out, { ifExists: "refuse", sync: true });
  const batch = await Promise.all(files.map((bytes, at) => incoming(out, deliveryOf(at + 1, bytes), bytes)));
  const landed = await landing.land(batch);
  expect(landed).toEqual(files.map((_, at) => ({ path: work.path("out", `file-${at + 1}`) })));
  await landing.close(); // what is unconfirmed stays, exactly as if the process had died
}

/** Opens the folder "out", and is killed before anything arrives: what it wrote stays. */
export async function openAndDie(work: Workspace): Promise<void> {
  const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
  const journals = work.list().filter((name) => name.startsWith(".filespool-landed-"));
  const kept = journals.map((name) => [name, work.read("out", name)] as const);
  await landing.close(); // tidies up
  for (const [name, bytes] of kept) writeFileSync(work.path("out", name), bytes);
}

/** The server delivers the files once more, and says what the receiver answered. */
export async function deliverAgain(
  work: Workspace,
  files: readonly Uint8Array[],
  ifExists: "refuse" | "rename" = "rename",
) {
  const lies = files.map((bytes, at) => ({ bytes, name: `file-${at + 1}` }));
  const { port, verdicts } = await serveLies(lies);
  const receiver = work.receive({ port, ifExists, retryMs: 0 });
  const { landed, failures } = await receiver.done;
  return { landed, failures, verdicts: verdicts.map(({ type }) => type) };
}
