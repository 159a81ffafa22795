/**
 * Limits the memory that V8 takes for young objects while many clients are connected.
 *
 * V8 makes new objects in a part of memory of its own, and lets that part grow to 32 MiB while many of the objects live
 * long. A thousand receivers cause that, and do not profit from it. Its maximum can be set only at the start of Node
 * (--max-semi-space-size), and an installed command has no flags. Its growth can be changed at any time. So with few
 * connections V8 decides itself, and with many connections that part does not grow. Why: adr/0104.
 *
 * Never here: what we hold ourselves for each connection (net/wire/shared-limit.ts).
 */
import { setFlagsFromString } from "node:v8";
import type { ServerEvent } from "../../net/events.ts";

/** With this many connections, memory is what a server lacks first. */
export const CROWD = 100;

export class YoungMemory {
  readonly #setFlag: (flag: string) => void;
  #connections = 0;
  #mayGrow = true;

  /** @param setFlag sets a flag of V8; tests replace it */
  constructor(setFlag: (flag: string) => void = setFlagsFromString) {
    this.#setFlag = setFlag;
  }

  /** Counts connections that are past the handshake. */
  observe({ event }: ServerEvent): void {
    if (event === "connected") this.#connections++;
    else if (event === "disconnected") this.#connections--;
    else return;
    const mayGrow = this.#connections < CROWD;
    if (mayGrow === this.#mayGrow) return;
    this.#mayGrow = mayGrow;
    this.#setFlag(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  }
}
