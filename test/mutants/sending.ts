/**
 * Faults of a sender's bookkeeping: what is counted, kept or opened while it sends, and has to go down, be let go of or
 * be closed again, whatever became of the file and whichever connection of the run it was.
 */
import type { Mutant } from "./found.ts";

const sender = "src/net/sender/sender.ts";
const conversation = "src/net/sender/send-conversation.ts";
const window = "src/net/sender/send-window.ts";
const file = "src/net/sender/file-source.ts";
const stream = "src/net/extensions/stream/stream-source.ts";
const receipts = "src/net/extensions/operate/receipts.ts";

export const SENDING: readonly Mutant[] = [
  {
    name: "zeros are sent as their number to whoever is there",
    ...{
      file: "src/net/wire/zeros.ts",
      from: "return this.peerTakes && isHole(piece);",
      to: "return isHole(piece);",
    },
    noticedBy: "test/net/zeros.test.ts",
  },
  {
    name: "zeros travel as bytes",
    ...{
      file: "src/net/wire/zeros.ts",
      from: "return this.peerTakes && isHole(piece);",
      to: "return !this.peerTakes && isHole(piece);",
    },
    noticedBy: "test/e2e/holes.test.ts",
  },
  {
    name: "zeros are sent however far ahead",
    ...{
      file: "src/net/wire/zeros.ts",
      from: "return this.#bytes <= LIMITS.zerosAheadBytesMax;",
      to: "return this.#bytes >= 0;",
    },
    noticedBy: "test/net/zeros.test.ts",
  },
  {
    name: "a receiver does not tell that it has taken zeros",
    ...{ file: "src/net/wire/zeros.ts", from: "    this.#untold += bytes;\n", to: "    this.#untold += 0 * bytes;\n" },
    noticedBy: "test/e2e/holes.test.ts",
  },
  {
    name: "zeros of a refused file that are on their way are a flood",
    ...{
      file: "src/net/server/upload-session.ts",
      from: "this.#skippedBytes += data.wireBytes;",
      to: "this.#skippedBytes += data.length;",
    },
    noticedBy: "test/net/zeros.test.ts",
  },
  {
    name: "a refused stream waits for its source",
    ...{ file: stream, from: " || this.#isOver || !shouldContinue());", to: " || this.#isOver);" },
    noticedBy: "test/net/zeros.test.ts",
  },
  {
    name: "what a full server still has of a file is taken for progress",
    ...{ file: window, from: "anew(transfer, { from: transfer.from })", to: "anew(transfer, {})" },
    noticedBy: "test/net/zeros.test.ts",
  },
  {
    name: "a frame of zeros may stand for any number of them",
    ...{
      file: "src/protocol/frame.ts",
      from: "if (bytes > LIMITS.dataBytesMax) throw",
      to: "if (bytes > 2 * LIMITS.dataBytesMax) throw",
    },
    noticedBy: "test/net/zeros.test.ts",
  },
  {
    name: "bytes of settled files stay in the send window",
    ...{
      file: window,
      from: "if (this.#open.delete(transfer.transfer)) this.#bytes -=",
      to: "if (!this.#open.delete(transfer.transfer)) this.#bytes -=",
    },
    noticedBy: "test/net/send-window.test.ts",
  },
  {
    name: "bytes of the connection before stay in the send window",
    ...{ file: window, from: "    this.#bytes = 0;\n", to: "" },
    noticedBy: "test/net/send-window.test.ts",
  },
  {
    name: "files of the connection before stay in the send window",
    ...{ file: window, from: "    this.#open.clear();\n", to: "" },
    noticedBy: "test/net/send-window.test.ts",
  },
  {
    name: "postponed files of the connection before are offered for ever",
    ...{ file: window, from: "    this.#postponed = [];\n", to: "" },
    noticedBy: "test/net/send-window.test.ts",
  },
  {
    name: "a lack of room is remembered on the next connection",
    ...{ file: window, from: "    this.noRoom = null;\n", to: "" },
    noticedBy: "test/net/send-window.test.ts",
  },
  {
    name: "a postponed file stays in the send window",
    ...{ file: window, from: "    this.close(transfer);\n    this.#postponed", to: "    this.#postponed" },
    noticedBy: "test/net/send-window.test.ts",
  },
  {
    name: "files that were sent stay open",
    ...{ file: conversation, from: "      source?.close();\n", to: "" },
    noticedBy: "test/net/sender-lets-go.test.ts",
  },
  {
    name: "a run that fails does not let go of its streams",
    ...{
      file: sender,
      from: "...this.#queue.end()]) transfer.kept?.end();",
      to: "...this.#queue.end()]) transfer.kept;",
    },
    noticedBy: "test/net/sender-lets-go.test.ts",
  },
  {
    name: "a stream that was stored is not let go of",
    ...{ file: conversation, from: "      transfer.kept?.end();\n      this.#ring();", to: "      this.#ring();" },
    noticedBy: "test/net/sender-lets-go.test.ts",
  },
  {
    name: "a source that nobody wants any more is not told",
    ...{ file: stream, from: "    void this.#source.return?.()?.catch(() => {});", to: "" },
    noticedBy: "test/net/sender-lets-go.test.ts",
  },
  {
    name: "room in what is kept of a stream is not told to its source",
    ...{
      file: stream,
      from: "    this.#from += blocks * this.#blockBytes;\n    this.#makeRoom();",
      to: "    this.#from += blocks * this.#blockBytes;",
    },
    noticedBy: "test/net/stream.test.ts",
  },
  {
    name: "files that are sent at a time are counted up only",
    ...{ file: "src/net/wire/content-sender.ts", from: ".finally(() => memory.filesUnderWay--)", to: "" },
    noticedBy: "test/net/content-sender.test.ts",
  },
  {
    name: "servers of one process share the blocks that wait to be used",
    ...{
      file: "src/net/wire/wire-memory.ts",
      from: "= new FreeList<Block>(WRITE_BLOCKS_MAX);",
      to: "= ((globalThis as { all?: FreeList<Block> }).all ??= new FreeList<Block>(WRITE_BLOCKS_MAX));",
    },
    noticedBy: "test/net/wire-memory.test.ts",
  },
  {
    name: "content that arrived is written over while it is held",
    ...{
      file: "src/net/wire/frame-reader.ts",
      from: "if (frame.type === FRAMES.data) blocks.retain(frame.parts);",
      to: "",
    },
    noticedBy: "test/net/buffer-pool.test.ts",
  },
  {
    name: "a message that lacks a field gets a quick yes",
    ...{
      file: "src/net/wire/fast-validation.ts",
      from: "if ((body as Record<string, unknown>)[name] === undefined) return false;",
      to: "name;",
    },
    noticedBy: "test/net/message-codec.test.ts",
  },
  {
    name: "a message is cut off one letter late",
    ...{
      file: "src/net/wire/message-codec.ts",
      from: "const from = head.length - 1;",
      to: "const from = head.length;",
    },
    noticedBy: "test/net/message-codec.test.ts",
  },
  {
    name: "a digest that did not match is counted anew on each connection",
    ...{
      file: conversation,
      from: "++transfer.mismatches > MISMATCHES_MAX",
      to: "transfer.mismatches > MISMATCHES_MAX",
    },
    noticedBy: "test/net/hostile-server.test.ts",
  },
  {
    name: "the timer of a receipt that came is not stopped",
    ...{ file: receipts, from: "    clearTimeout(timer);\n", to: "" },
    noticedBy: "test/net/receipts.test.ts",
  },
  {
    name: "the connection that asked for receipts is not closed",
    ...{ file: receipts, from: "    await operator?.close();\n", to: "" },
    noticedBy: "test/net/receipts.test.ts",
  },
  {
    name: "a file that was told is told again as outstanding",
    ...{ file: receipts, from: "    this.#told.add(transfer);\n", to: "" },
    noticedBy: "test/net/receipts.test.ts",
  },
  {
    name: "the draft of a sender key is left beside it",
    ...{ file: "src/cli/commands/send-key.ts", from: "    await rm(draft, { force: true });\n", to: "" },
    noticedBy: "test/cli/send-key.test.ts",
  },
  {
    name: "what the server knows is believed to be this content",
    ...{ file: window, from: '(digest === "" ? !isDoubtful : digest === stored.digest)', to: "(digest === digest)" },
    noticedBy: "test/net/coarse-times.test.ts",
  },
  {
    name: "a large file on a coarse disk is believed to be the one that the server knows",
    ...{ file: window, from: '(digest === "" ? !isDoubtful :', to: '(digest === "" ? true :' },
    noticedBy: "test/net/coarse-times.test.ts",
  },
  {
    name: "the size of a file is taken for its end",
    ...{
      file,
      from: "readSync(this.#fd, bytes, at, size + 1 - at, at)",
      to: "readSync(this.#fd, bytes, at, size - at, at)",
    },
    noticedBy: "test/net/promised-size.test.ts",
  },
  {
    name: "a file that grows is noticed at its end only",
    ...{
      file,
      from: "if (nowMs - this.#lookedMs >= LOOK_MS) this.checkUnchanged();",
      to: "if (nowMs < 0) this.checkUnchanged();",
    },
    noticedBy: "test/net/promised-size.test.ts",
  },
  {
    name: "a stored file of a watched folder is put away without a look at it",
    ...{ file: "src/net/extensions/watch/put-away.ts", from: " || identityOf(path, status) !== identity)", to: ")" },
    noticedBy: "test/net/put-away.test.ts",
  },
  {
    name: "what a watched folder has sent and kept is not remembered",
    ...{
      file: "src/net/extensions/watch/sent-files.ts",
      from: "    this.#gather(lineOf(name, sent));\n",
      to: "",
    },
    noticedBy: "test/net/watch-folder.test.ts",
  },
  {
    name: "a file of a watched folder is sent before it is complete",
    ...{
      file: "src/net/extensions/watch/hot-files.ts",
      from: "nowMs >= before.dueMs && this.#settling",
      to: "this.#settling",
    },
    noticedBy: "test/net/hot-files.test.ts",
  },
  {
    name: "a file that changed after it was found complete is sent as it is",
    ...{
      file: "src/net/send.ts",
      from: "identity === undefined || file?.identity === identity",
      to: 'identity !== ""',
    },
    noticedBy: "test/net/send-list.test.ts",
  },
  {
    name: "what a list gave without a connection is lost",
    ...{ file: "src/net/sender/send-queue.ts", from: "this.#item || this.#isAsking ||", to: "" },
    noticedBy: "test/net/send-list.test.ts",
  },
  {
    name: "a list whose run has failed is not told",
    ...{ file: "src/net/sender/send-queue.ts", from: "if (this.#isAsync) void", to: "if (!this.#isAsync) void" },
    noticedBy: "test/net/send-list.test.ts",
  },
  {
    name: "a file that was refused is never tried again",
    ...{
      file: "src/net/extensions/watch/hot-files.ts",
      from: "this.#refused.get(name) === seen.identity",
      to: "this.#refused.has(name)",
    },
    noticedBy: "test/net/hot-files.test.ts",
  },
];
