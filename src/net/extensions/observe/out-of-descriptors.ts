/**
 * Reports when a server has no file descriptors left.
 *
 * Nothing else would. When `accept` has none (EMFILE, accept(2)), libuv takes the connection with a
 * spare descriptor and closes it silently, so that it is not asked again and again. The client sees
 * a lost connection, and the server sees nothing. So once a second the server opens a file that
 * costs nothing to open. Never here: how many it needs (receiver/descriptors.ts is about
 * receivers).
 */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { errorName } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";

const SENTENCE =
  "this server may open no more files, so new connections are closed without an answer;" +
  " let it have more (ulimit -n, LimitNOFILE of systemd), or fewer clients (--max-connections)";

/** The state of one server. */
export class OutOfDescriptors {
  #isOut = false;

  /** Reports the lack when it begins, and not again until there were some in between. */
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
