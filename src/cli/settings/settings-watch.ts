/**
 * The settings of `filespool watch`: which files of a folder are sent, when they count as complete, and what becomes of
 * them. What they have in common with the other clients is in settings.ts.
 */
import { SETTLE_MS } from "../../net/extensions/watch/watch-options.ts";
import { optional, setting } from "./setting.ts";
import { duration, list, oneOf, text, toggle } from "./value-types.ts";

const DAY = 86_400_000;

/** A name holds no slash, so a pattern with one would never fit. */
const patterns = () =>
  list("patterns", "patterns of file names with commas between them, such as *.csv,report-??.pdf", (pattern) =>
    pattern !== "" && !pattern.includes("/") ? pattern : null,
  );

export const WATCH_SETTINGS = {
  // The server has the file by then; what is deleted here is gone from this machine.
  after: setting(oneOf(["keep", "move", "delete"], "what"), {
    fallback: "keep",
    on: ["watch"],
    help: "what becomes of a file once it is stored: keep, move or delete",
  }),
  // Moving to another disk would be copying, which can stop half-way: refused at the start.
  "moved-to": optional(text("folder", "the path of a folder"), {
    on: ["watch"],
    help: "with --after move: folder for the files that were sent, on the same file system",
    unset: "none",
  }),
  // Longer for writers that pause: a copy over a bad network, a camera.
  settle: setting(duration(0, DAY), {
    fallback: SETTLE_MS,
    on: ["watch"],
    help: "a file is complete when it has not changed for so long",
  }),
  // Which of two lists decides is easy to say this way: a name must fit the first, and none of the second.
  match: optional(patterns(), { on: ["watch"], help: "send only files with such a name", unset: "all" }),
  // The list itself is IGNORED in net/extensions/watch/watch-options.ts: names that programs give to what they are still writing.
  ignore: optional(patterns(), {
    on: ["watch"],
    help: "never send files with such a name",
    unset: "dot files, *~, *.part, *.tmp, *.crdownload and their like",
  }),
  // Without it a watch never ends by itself.
  once: setting(toggle, {
    fallback: false,
    on: ["watch"],
    help: "send what is there, then end: for cron",
  }),
};
