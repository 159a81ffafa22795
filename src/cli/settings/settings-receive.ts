/**
 * The settings of `filespool receive`: where files go, what happens if a name is taken, and when the run ends. What it shares
 * with other commands is in settings.ts.
 *
 * Never here: what a setting does (commands/receive.ts).
 */
import { optional, setting } from "./setting.ts";
import { count, oneOf, text, toggle } from "./value-types.ts";

export const RECEIVE_SETTINGS = {
  out: setting(text("folder", "the path of a folder"), {
    fallback: ".",
    on: ["receive"],
    help: "folder to put the files into",
    ask: { receive: "Folder to put the files in?" },
  }),
  // "-" is what Unix programs call standard output. Messages must not get in there: see receive-output.ts.
  output: optional(text("path", "the path of a file, or - for standard output"), {
    on: ["receive"],
    help: "take one file and give it this path; -: write its content to stdout (a folder: as a tar archive), and messages to stderr",
    unset: "the sender's name, in the folder --out",
  }),
  // The path becomes an argument of the command, never a part of its text: see receive-exec.ts.
  exec: optional(text("command", "a shell command, with {} for the path"), {
    on: ["receive"],
    help: "run this for each file that has landed; {} is its absolute path. If the command fails, the file goes back to its queue; a run that waits for files tries again after a growing pause",
    unset: "nothing",
  }),
  // "refuse" is the only default that loses nothing: the file stays in its queue.
  "if-exists": setting(oneOf(["refuse", "rename", "overwrite", "skip"], "policy"), {
    fallback: "refuse",
    on: ["receive"],
    help: "what to do when a file of that name exists: refuse, rename, overwrite or skip",
  }),
  // All, as for a folder: a script that lost its execute bit, or a photo dated today, is not what was sent.
  preserve: setting(oneOf(["none", "mode", "time", "all"], "what"), {
    fallback: "all",
    on: ["receive"],
    help: "what a file keeps of the sender's file: mode (within the umask), time (of its last change), all or none",
  }),
  // Shells and other programs obey dot files that they find; a sender must not be able to place one.
  "allow-dotfiles": setting(toggle, {
    fallback: false,
    on: ["receive"],
    help: 'keep names that begin with a dot, such as .bashrc; otherwise the program puts a "_" in front',
  }),
  // Without these three, a run takes what is waiting and ends. resolve.ts: --follow excludes the other two.
  count: optional(count(1, Number.MAX_SAFE_INTEGER), {
    on: ["receive"],
    help: "end after this many files; wait until they have come",
    unset: "the files that are waiting",
  }),
  // The queue on the server is the memory, so a run with --follow may be killed and started at any time.
  follow: setting(toggle, { fallback: false, on: ["receive"], help: "take files as they arrive, and never end" }),
};
