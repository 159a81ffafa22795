/**
 * Says when a server has no file descriptors left.
 *
 * Nobody else would: where `accept` has none (EMFILE, accept(2)), libuv takes the connection with one that it keeps for this,
 * and closes it without a word, so that it is not asked again and again. The client sees a connection that was lost, and
 * the server sees nothing. So once a second the server opens what costs nothing to open.
 */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { errorName } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";

const SENTENCE =
  "this server may open no more files, so new connections are closed without an answer;" +
  " let it have more (ulimit -n, LimitNOFILE of systemd), or fewer clients (--max-connections)";

export class OutOfDescriptors {
  #isOut = false;

  /** Reports it when it begins, and not again until there were some in between. */
  look(report: (error: FilespoolError) => void): void {
    const isOut = !canOpen();
    if (isOut && !this.#isOut) report(new FilespoolError("connections-full", SENTENCE));
    this.#isOut = isOut;
  }
}

function canOpen(): boolean {
  try {
    closeSync(openSync(devNull, "r"));
    return true;
  } catch (error) {
    return !["EMFILE", "ENFILE"].includes(errorName(error) ?? "");
  }
}
