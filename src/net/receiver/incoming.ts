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
import type { completeReceive, ReceiveOptions } from "../options.ts";
import { FileAttributes } from "./file-attributes.ts";
import type { Lander } from "./lander.ts";
import { ofFile } from "./landing-errors.ts";
import { type Delivered, type Incoming, PartFile } from "./part-file.ts";
import { SmallFile } from "./small-file.ts";
import type { Tally } from "./tally.ts";

/** The options of a run, with the defaults filled in. */
export type CompleteReceive = ReturnType<typeof completeReceive>;

/** How a kind of content is put around what carries its bytes; see `Kinds`. */
export interface KindOptions {
  readonly sync: boolean;
  /** Called for what is left out. */
  readonly warn: (path: string, message: string) => void;
}

/**
 * Kinds of content beside "file", by their name in `deliver`. Such content arrives like any other, and
 * what is made of it here says how it settles and takes its name (a folder is unpacked).
 */
export type Kinds = Readonly<Record<string, (content: Incoming, options: KindOptions) => Incoming>>;

/** What a run keeps over all of its connections. */
export interface ReceiveRun {
  readonly options: CompleteReceive;
  readonly client: Client;
  readonly landing: Lander;
  readonly kinds: Kinds;
  readonly tally: Tally;
  /** Warnings that were given: a disk that keeps no modes keeps none of the next thousand files, either. */
  readonly warned: Set<string>;
}

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
export async function letIn(delivery: Delivered, run: ReceiveRun): Promise<Incoming | "skip" | FilespoolError> {
  const { landing } = run;
  try {
    checkKind(delivery, run.kinds);
    if (landing.check(delivery) === "skip") return "skip";
    const folder = await landing.folderFor(delivery);
    if (folder !== "") landing.room.take(delivery);
    return await openIncoming(delivery, folder, run);
  } catch (error) {
    landing.room.over(delivery.delivery);
    return error instanceof FilespoolError ? error : ofFile(error, { delivery, part: "" }, landing.folder);
  }
}

/** What is handed on instead of landing has no name of its own, so there is nothing that could keep a mode. */
function attributesOf(delivery: Delivered, { options, client, warned }: ReceiveRun): FileAttributes {
  const { sink, preserve = "all" } = options;
  return new FileAttributes(delivery, sink ? "none" : preserve, (what, message) => {
    if (warned.has(what)) return;
    warned.add(what);
    client.emit({ event: "warning", ...about(delivery), path: delivery.name, message });
  });
}

/** "file" as it is, or a kind that this run knows, and with a digest that can be checked. @throws FilespoolError kind-unsupported, digest-unsupported */
function checkKind({ kind = "file", name, algorithm }: Delivered, kinds: Kinds): void {
  checkDigest(algorithm);
  if (kind === "file" || Object.hasOwn(kinds, kind)) return;
  const what = `${quoteName(name)} is of the kind "${kind}"`;
  throw new FilespoolError("kind-unsupported", `${what}, which this version of filespool cannot land`);
}

/** Opens what takes the content, in memory or as a part file in `folder`. @throws what the file system said */
async function openIncoming(delivery: Delivered, folder: string, run: ReceiveRun): Promise<Incoming> {
  const { client, kinds, landing, options } = run;
  const { sync } = landing;
  const attributes = attributesOf(delivery, run);
  const onSynced = (offset: number) => {
    client.progressed();
    client.emit({ event: "progress", ...about(delivery), offset });
  };
  const warn = (path: string, message: string) => client.emit({ event: "warning", ...about(delivery), path, message });
  // Our own bound, not the server's: it says what we hold in memory. What a server sends without asking and is
  // larger goes to a part file; bytes of it that were there before are dropped as they arrive.
  const isSmall = delivery.size <= LIMITS.pipelineBytesMax;
  const { bufferBytes } = options;
  const file = isSmall
    ? new SmallFile(delivery, folder, sync, attributes)
    : await PartFile.open(delivery, { folder, bufferBytes, sync, attributes, onSynced, backlog: landing.room.backlog });
  return kinds[delivery.kind ?? "file"]?.(file, { sync, warn }) ?? file;
}
