/**
 * Opens what is to be sent: a file as it is, a folder as the stream of its archive, a stream as the stream that it is.
 *
 * A file on a disk with coarse times waits here until its last change is old enough to be told from the next one
 * (file-identity.ts). All others are opened at once: no promise is made for a small file.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DIGESTS } from "../../disk/digest.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { OpenStream } from "../extensions/stream/stream-source.ts";
import { labelOf, type Source } from "../options.ts";
import { changed, FolderFound, OpenFile } from "./file-source.ts";

/** What all sources of a run have in common. */
export interface Opening {
  readonly queue: string;
  /** What transfer ids are derived from, beside the file: the user's secret, and with `again` something new. */
  readonly key: string;
  readonly salt: string;
  /** The digest that the user prefers; from the first connection on the one that all of the run has. */
  algorithm: string;
  isAgreed: boolean;
  readonly bufferBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Called when a stream has more to send, or has ended. */
  readonly onChange: () => void;
  /** Called for what is left out of a folder. */
  readonly warn: (path: string, why: string) => void;
  /** Called for what is in a folder and has a name that cannot be sent; the rest of the folder goes on. */
  readonly refuse: (path: string, failure: FilespoolError) => void;
}

/**
 * Agrees on a digest with a server: the preferred one where it knows that, or else the first of its own that we know. No
 * transfer id is made of it, so that may wait for the welcome; but what was begun with one cannot go on with another.
 * @throws FilespoolError digest-unsupported
 */
export function agree(opening: Opening, offered: readonly string[]): void {
  const ours = opening.isAgreed ? [] : DIGESTS;
  const found = [opening.algorithm, ...offered].find(
    (digest) => offered.includes(digest) && (digest === opening.algorithm || ours.includes(digest)),
  );
  const why = `the server does not know the digest ${opening.algorithm}`;
  if (found === undefined) throw new FilespoolError("digest-unsupported", why);
  Object.assign(opening, { algorithm: found, isAgreed: true });
}

/** Of the same shape for whoever sends it. */
export type Opened = OpenFile | OpenStream;

/**
 * A promise only where there is something to wait for: a tick of a coarse clock, or the code that packs folders.
 * @throws FilespoolError file-unreadable, file-changed
 */
export function openSource(source: Source, opening: Opening): Opened | Promise<Opened> {
  const { queue, key, salt, algorithm, bufferBytes, signal, onChange } = opening;
  if (typeof source === "object" && "stream" in source) return new OpenStream(source, algorithm, bufferBytes, onChange);
  const { path, identity } = typeof source === "string" ? { path: source } : source;
  const open = () => {
    const file = new OpenFile(path, queue, key, salt);
    if (identity === undefined || file.identity === identity) return file;
    file.close();
    throw changed(path, "changed again");
  };
  try {
    const file = open();
    if (file.grainLeftMs === 0) return file;
    file.close();
    return sleep(file.grainLeftMs, undefined, signal && { signal }).then(open, open);
  } catch (error) {
    if (!(error instanceof FolderFound)) throw error;
    if (identity !== undefined) throw changed(path, "became a folder");
    return openFolder(path, opening);
  }
}

async function openFolder(path: string, opening: Opening): Promise<OpenStream> {
  const { warn, refuse, algorithm, bufferBytes, onChange } = opening;
  const { packFolder } = await import("../extensions/folder/tar-pack.ts"); // only who sends a folder pays for loading it
  const archive = { ...packFolder(path, { warn, refuse }), path: labelOf(path) };
  return new OpenStream(archive, algorithm, bufferBytes, onChange);
}
