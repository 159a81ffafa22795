/**
 * Which way a delivery comes in: in memory when it is small, by a part file when it is large, and what its kind adds.
 *
 * A kind says what the content is a form of. One that this version does not know is refused before any byte is sent,
 * because a receiver that landed it as it is would leave its user with a file that is not what was sent.
 */
import { FilespoolError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { quoteName } from "../protocol/names.ts";
import type { Client } from "./client.ts";
import { about } from "./events.ts";
import { type Incoming, IncomingFile, type IncomingOptions } from "./incoming-file.ts";
import { IncomingTree } from "./incoming-tree.ts";
import type { ReceiveOptions } from "./options.ts";
import { SmallFile } from "./small-file.ts";

/** The delivery as this receiver was asked to take it: under another name, or a folder as its archive. */
export function adapted(delivery: MessageOf<"deliver">, { as, unpack }: ReceiveOptions): MessageOf<"deliver"> {
  if (as === undefined && unpack !== false) return delivery;
  return { ...delivery, name: as ?? delivery.name, kind: unpack === false ? "file" : delivery.kind };
}

/** "file" as it is, "tar" unpacked. @throws FilespoolError kind-unsupported */
export function checkKind({ kind = "file", name }: MessageOf<"deliver">): void {
  if (kind === "file" || kind === "tar") return;
  const what = `${quoteName(name)} is of the kind "${kind}"`;
  throw new FilespoolError("kind-unsupported", `${what}, which this version of filespool cannot land`);
}

/** @param client is told of progress, and of what was left out of a folder @throws FilespoolError folder-unusable, disk-full, digest-unsupported */
export async function openIncoming(
  delivery: MessageOf<"deliver">,
  options: Omit<IncomingOptions, "onSynced">,
  client: Client,
): Promise<Incoming> {
  const { folder, sync } = options;
  const onSynced = (offset: number) => {
    client.progressed();
    client.emit({ event: "progress", ...about(delivery), offset });
  };
  const warn = (path: string, message: string) => client.emit({ event: "warning", ...about(delivery), path, message });
  // The same bound as the server's: it sends small files without being asked where to begin, so they must not be
  // resumed.
  const isSmall = delivery.size <= LIMITS.pipelineBytesMax;
  const file = isSmall
    ? new SmallFile(delivery, folder, sync)
    : await IncomingFile.open(delivery, { ...options, onSynced });
  return delivery.kind === "tar" ? new IncomingTree(file, { sync, warn }) : file;
}
