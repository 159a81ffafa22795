/**
 * Which way a delivery comes in: in memory when it is small, by a part file when it is large, and what its kind adds.
 *
 * A kind says what the content is a form of. One that this version does not know is refused before any byte is sent,
 * because a receiver that landed it as it is would leave its user with a file that is not what was sent.
 */
import { checkDigest } from "../../disk/digest.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { quoteName } from "../../protocol/names.ts";
import type { Client } from "../client/client.ts";
import { about } from "../events.ts";
import { FolderLanding } from "../extensions/folder/folder-landing.ts";
import type { ReceiveOptions } from "../options.ts";
import { FileAttributes } from "./file-attributes.ts";
import type { Lander } from "./lander.ts";
import { ofFile } from "./landing-errors.ts";
import { type Delivered, type Incoming, type IncomingOptions, PartFile } from "./part-file.ts";
import { SmallFile } from "./small-file.ts";

/** The delivery as this receiver was asked to take it: under another name, or a folder as its archive. */
export function adapted(delivery: Delivered, { as, unpack }: ReceiveOptions): Delivered {
  if (as === undefined && unpack !== false) return delivery;
  return { ...delivery, name: as ?? delivery.name, kind: unpack === false ? "file" : delivery.kind };
}

/**
 * Lets a delivery in, or says why not, before any byte of it is sent.
 * @returns the file, ready to take its content; "skip": something has its name, and that is the policy; or why it cannot land
 * @throws FilespoolError folder-unusable, connections-full: no other file could land either
 */
export async function letIn(
  delivery: Delivered,
  landing: Lander,
  options: ReceiveOptions & { readonly bufferBytes: number },
  client: Client,
): Promise<Incoming | "skip" | FilespoolError> {
  const { bufferBytes } = options;
  try {
    checkKind(delivery);
    if (landing.check(delivery) === "skip") return "skip";
    const folder = await landing.folderFor(delivery);
    if (folder !== "") landing.room.take(delivery);
    const attributes = attributesOf(delivery, options, client);
    const { sync, room } = landing;
    return await openIncoming(delivery, { folder, bufferBytes, sync, attributes, backlog: room.backlog }, client);
  } catch (error) {
    landing.room.over(delivery.delivery);
    return error instanceof FilespoolError ? error : ofFile(error, { delivery, part: "" }, landing.folder);
  }
}

/** What the user of a run was told already: a disk that keeps no modes keeps none of the next thousand files, either. */
const told = new WeakMap<Client, Set<string>>();

/** What is handed on instead of landing has no name of its own, so there is nothing that could keep a mode. */
function attributesOf(delivery: Delivered, { sink, preserve = "all" }: ReceiveOptions, client: Client): FileAttributes {
  return new FileAttributes(delivery, sink ? "none" : preserve, (what, message) => {
    const before = told.get(client) ?? new Set();
    if (before.has(what)) return;
    told.set(client, before.add(what));
    client.emit({ event: "warning", ...about(delivery), path: delivery.name, message });
  });
}

/** "file" as it is, "tar" unpacked, and with a digest that can be checked. @throws FilespoolError kind-unsupported, digest-unsupported */
function checkKind({ kind = "file", name, algorithm }: Delivered): void {
  checkDigest(algorithm);
  if (kind === "file" || kind === "tar") return;
  const what = `${quoteName(name)} is of the kind "${kind}"`;
  throw new FilespoolError("kind-unsupported", `${what}, which this version of filespool cannot land`);
}

/** @param client is told of progress, and of what was left out of a folder @throws what the file system said */
async function openIncoming(
  delivery: Delivered,
  options: Omit<IncomingOptions, "onSynced">,
  client: Client,
): Promise<Incoming> {
  const { folder, sync, attributes } = options;
  const onSynced = (offset: number) => {
    client.progressed();
    client.emit({ event: "progress", ...about(delivery), offset });
  };
  const warn = (path: string, message: string) => client.emit({ event: "warning", ...about(delivery), path, message });
  // The same bound as the server's: it sends small files without being asked where to begin, so they must not be
  // resumed.
  const isSmall = delivery.size <= LIMITS.pipelineBytesMax;
  const file = isSmall
    ? new SmallFile(delivery, folder, sync, attributes)
    : await PartFile.open(delivery, { ...options, onSynced });
  return delivery.kind === "tar" ? new FolderLanding(file, { sync, warn }) : file;
}
