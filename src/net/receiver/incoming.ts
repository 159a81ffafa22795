/**
 * How a delivery comes in: in memory if it is small, through a part file if it is large; its kind
 * says what is made of it.
 *
 * A kind says what the content is a form of. A kind that this version does not know is refused
 * before any byte is sent. A receiver that landed it as it is would leave its user with a file that
 * is not what was sent.
 *
 * Invariant: no byte of a content is taken before its kind, digest, name and room were checked.
 * Never here: how content lands (landing.ts), and which kinds there are (../receive.ts).
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

/** What a kind of content needs to know of the run; see `Kinds`. */
export interface KindOptions {
  readonly sync: boolean;
  /** Called for each thing that is left out. */
  readonly warn: (path: string, message: string) => void;
}

/**
 * Kinds of content beside "file", by their name in `deliver`. Such content arrives like any other.
 * Its kind wraps what carries the bytes, and decides how the content settles and takes its name (a
 * folder is unpacked).
 */
export type Kinds = Readonly<Record<string, (content: Incoming, options: KindOptions) => Incoming>>;

/** What a run keeps over all of its connections. */
export interface ReceiveRun {
  readonly options: CompleteReceive;
  readonly client: Client;
  readonly landing: Lander;
  readonly kinds: Kinds;
  readonly tally: Tally;
  /**
   * Warnings that were given, each once in a run: a disk that keeps no modes keeps none of the next
   * thousand files either.
   */
  readonly warned: Set<string>;
}

/**
 * The delivery as this receiver's options want it: under another name, or a folder as its archive.
 */
export function adapted(delivery: Delivered, { as, unpack }: ReceiveOptions): Delivered {
  if (as === undefined && unpack !== false) return delivery;
  return { ...delivery, name: as ?? delivery.name, kind: unpack === false ? "file" : delivery.kind };
}

/**
 * Lets a delivery in, or says why not, before any byte of it is sent.
 * @returns the file, ready to take its content; "skip": its name is taken, and that is the policy;
 * or the error why it cannot land
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

/** The attributes to keep. A sink keeps none: what it hands on has no name of its own. */
function attributesOf(delivery: Delivered, { options, client, warned }: ReceiveRun): FileAttributes {
  const { sink, preserve = "all" } = options;
  return new FileAttributes(delivery, sink ? "none" : preserve, (what, message) => {
    if (warned.has(what)) return;
    warned.add(what);
    client.emit({ event: "warning", ...about(delivery), path: delivery.name, message });
  });
}

/**
 * Checks that the kind is "file" or one of this run's, and that the digest can be checked here.
 * @throws FilespoolError kind-unsupported, digest-unsupported
 */
function checkKind({ kind = "file", name, algorithm }: Delivered, kinds: Kinds): void {
  checkDigest(algorithm);
  if (kind === "file" || Object.hasOwn(kinds, kind)) return;
  const what = `${quoteName(name)} is of the kind "${kind}"`;
  throw new FilespoolError("kind-unsupported", `${what}, which this version of filespool cannot land`);
}

/**
 * Opens what takes the content: memory, or a part file in `folder`.
 * @throws what the file system said
 */
async function openIncoming(delivery: Delivered, folder: string, run: ReceiveRun): Promise<Incoming> {
  const { client, kinds, landing, options } = run;
  const { sync } = landing;
  const attributes = attributesOf(delivery, run);
  const onSynced = (offset: number) => {
    client.progressed();
    client.emit({ event: "progress", ...about(delivery), offset });
  };
  const warn = (path: string, message: string) => client.emit({ event: "warning", ...about(delivery), path, message });
  // The bound is ours and not the server's, because it says what this process holds in memory. A
  // server may send larger content without being asked. It goes to a part file, and bytes that were
  // there before are dropped as they arrive.
  const isSmall = delivery.size <= LIMITS.pipelineBytesMax;
  const { bufferBytes } = options;
  const file = isSmall
    ? new SmallFile(delivery, folder, sync, attributes)
    : await PartFile.open(delivery, { folder, bufferBytes, sync, attributes, onSynced, backlog: landing.room.backlog });
  return kinds[delivery.kind ?? "file"]?.(file, { sync, warn }) ?? file;
}
