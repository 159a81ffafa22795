/**
 * `receive`: the one place that puts a receiver together from the core and its extensions.
 *
 * The receiver knows landings and connectors by their interfaces, and kinds of content by a table.
 * This file decides which of them a run has.
 *
 *   landing   the target folder; with a hook behind it (extensions/hook); or a sink in its place
 *   kinds     "file" as it is; "tar", a folder that is unpacked (extensions/folder)
 *
 * Never here: what a receiver does with them. Read next: receiver/receiver.ts. Why wiring has files
 * of its own: adr/0111.
 */
import { FolderLanding, tidyTrees } from "./extensions/folder/folder-landing.ts";
import { CONNECTOR } from "./extensions/trust/connect.ts";
import { completeReceive, type ReceiveOptions, type ReceiveSummary } from "./options.ts";
import type { Kinds } from "./receiver/incoming.ts";
import type { Lander } from "./receiver/lander.ts";
import { Landing } from "./receiver/landing.ts";
import { LandingNames } from "./receiver/landing-names.ts";
import { Receiver } from "./receiver/receiver.ts";

/** Kinds of content beside "file", by their name on the wire. */
const KINDS: Kinds = { tar: (archive, options) => new FolderLanding(archive, options) };

/**
 * Collects files until the queue is empty, or as `count`, `follow` and `waitMs` say.
 * @throws FilespoolError unreachable, interrupted, folder-unusable, or whatever else ends the run
 * and not only one file
 */
export async function receive(given: ReceiveOptions): Promise<ReceiveSummary> {
  const options = completeReceive(given);
  const landing = await openLanding(options, `${options.host}:${options.port}/${options.queue}`);
  const receiver = new Receiver(options, { connector: CONNECTOR, landing, kinds: KINDS });
  await receiver.run().finally(() => landing.close());
  return receiver.summary;
}

/**
 * Opens what a run lands in: a sink, a folder, or a folder with a hook behind it.
 * @param origin names the server and the queue; see LandingJournal.confirmRest
 * @throws FilespoolError folder-unusable
 */
async function openLanding(options: ReceiveOptions, origin: string): Promise<Lander> {
  const { out, ifExists = "refuse", durability, onLanded, onEvent, sink, as } = options;
  const { allowDotfiles = false, ownPlaces = [] } = options;
  // Most runs have neither sink nor hook, so the code of both is loaded only when it is needed.
  if (sink) return new (await import("./extensions/sink/sink-landing.ts")).SinkLanding(sink, options);
  const warn = (path: string, message: string) => onEvent?.({ event: "warning", path, message });
  // A user who chooses the name may choose any, except a name of our own files.
  const names = new LandingNames(out, { allowDotfiles: allowDotfiles || as !== undefined, ownPlaces });
  const sync = durability !== "none";
  const landing = await Landing.open(out, { ifExists, sync, origin, warn, names, tidy: tidyTrees });
  if (!onLanded) return landing;
  const { withHook } = await import("./extensions/hook/hooked-landing.ts");
  return withHook(landing, onLanded, options, warn);
}
