/**
 * `send`: the one place that puts a sender together from the core and its extensions.
 *
 * The sender knows sources and connectors by their interfaces only. This file decides which kinds
 * of source there are, and that a connection may be encrypted.
 *
 *   a path of a file      sender/file-source.ts, opened anew for each connection
 *   a path of a folder    packed while it is sent (extensions/folder), as a stream
 *   a stream              extensions/stream
 *
 * A disk may keep times so coarse that two changes share one. A file there waits in this file until
 * its last change is old enough to be told from the next one (sender/file-identity.ts). All others
 * are opened at once.
 *
 * Never here: what a sender does with a source. Read next: sender/sender.ts. Why wiring has files
 * of its own: adr/0111.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { OpenStream } from "./extensions/stream/stream-source.ts";
import { CONNECTOR } from "./extensions/trust/connect.ts";
import { labelOf, type SendOptions, type SendSummary, type Source, type StreamSource } from "./options.ts";
import { changed, OpenFile } from "./sender/file-source.ts";
import { Sender } from "./sender/sender.ts";
import type { OpenOptions, OpenSource, OpenSourceFunction } from "./sender/source.ts";

/**
 * Sends files. Resolves when each is stored or has failed for good; the summary says which.
 * @throws FilespoolError unreachable, interrupted, or whatever else ends the run and not only one
 * file
 */
export async function send(options: SendOptions): Promise<SendSummary> {
  const sender = new Sender(options, CONNECTOR, openSource);
  await sender.run().finally(() => sender.end());
  return sender.summary;
}

/**
 * Opens a source: see OpenSourceFunction. It returns no promise for an ordinary file, because
 * 20,000 small files would cost 20,000 turns of the event loop.
 */
const openSource: OpenSourceFunction = (source, options) => {
  const { queue, key, salt, algorithm, bufferBytes, signal, onChange } = options;
  if (isStream(source)) return new OpenStream(source, algorithm, bufferBytes, onChange);
  const { path, identity } = typeof source === "string" ? { path: source } : source;
  const open = (): OpenFile | null => {
    const file = OpenFile.open(path, queue, key, salt);
    // A watched folder says which content it saw. It will offer another content by itself, later.
    if (identity === undefined || file?.identity === identity) return file;
    file?.close();
    throw changed(path, file ? "changed again" : "became a folder");
  };
  const file = open();
  if (!file) return openFolder(path, options);
  if (file.grainLeftMs === 0) return file;
  file.close();
  const again = () => open() ?? openFolder(path, options);
  return sleep(file.grainLeftMs, undefined, signal && { signal }).then(again, again);
};

const isStream = (source: Source): source is StreamSource => typeof source === "object" && "stream" in source;

/**
 * Packs a folder. The code that packs is loaded here, so that only a run that sends a folder pays
 * for it.
 */
async function openFolder(path: string, options: OpenOptions): Promise<OpenSource> {
  const { warn, refuse, algorithm, bufferBytes, onChange } = options;
  const { packFolder } = await import("./extensions/folder/tar-pack.ts");
  const archive = { ...packFolder(path, { warn, refuse }), path: labelOf(path) };
  return new OpenStream(archive, algorithm, bufferBytes, onChange);
}
