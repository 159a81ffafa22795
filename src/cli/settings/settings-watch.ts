/**
 * The settings of `filespool watch`: which files of a folder are sent, when they count as complete, and what happens to
 * them afterwards. What watch shares with the other clients is in settings.ts.
 */
import { SETTLE_MS } from "../../net/extensions/watch/watch-options.ts";
import { optional, setting } from "./setting.ts";
import { duration, list, oneOf, text, toggle } from "./value-types.ts";

const DAY = 86_400_000;

/** A name holds no slash, so a pattern with a slash would never match. */
const patterns = () =>
  list("patterns", "patterns of file names separated by commas, such as *.csv,report-??.pdf", (pattern) =>
    pattern !== "" && !pattern.includes("/") ? pattern : null,
  );

export const WATCH_SETTINGS = {
  // The server has the file by then. A deleted file is gone from this machine.
  after: setting(oneOf(["keep", "move", "delete"], "what"), {
    fallback: "keep",
    on: ["watch"],
    help: "what to do with a file after it is stored: keep, move or delete it",
  }),
  // A move to another disk would be a copy, which can stop half-way; watch refuses it at the start.
  "moved-to": optional(text("folder", "the path of a folder"), {
    on: ["watch"],
    help: "with --after move: folder for the files that were sent; on the same file system",
    unset: "none",
  }),
  // Longer for programs that pause while they write: a copy over a bad network, a camera.
  settle: setting(duration(0, DAY), {
    fallback: SETTLE_MS,
    on: ["watch"],
    help: "a file counts as complete when it has not changed for this long",
  }),
  // A name must match a pattern of --match and none of --ignore.
  match: optional(patterns(), { on: ["watch"], help: "send only files whose name matches one of these", unset: "all" }),
  // The default is IGNORED in net/extensions/watch/watch-options.ts: names of files that a program is still writing.
  ignore: optional(patterns(), {
    on: ["watch"],
    help: "never send files whose name matches one of these",
    unset: "dot files, *~, *.part, *.tmp, *.crdownload and similar",
  }),
  // Without --once a watch never ends by itself.
  once: setting(toggle, {
    fallback: false,
    on: ["watch"],
    help: "send the files that are in the folder now, then end; a file that is still being written waits for the next run",
  }),
};
