/**
 * Keeps the memory of a crowd small, as far as V8 takes it and not we.
 *
 * V8 makes new objects in a part of memory of its own, and lets that part grow to 32 MiB while many of them live long: a
 * thousand receivers that connect and take files do that, and it never helps them. Node tells V8 the most only at its
 * start (--max-semi-space-size), and an installed command has no flags. How fast that part grows can be said while the
 * process runs. So with few connections V8 does as it likes, and in a crowd it keeps what it has. Why: adr/0104.
 *
 * Never here: what we hold ourselves for each connection (net/wire/shared-limit.ts).
 */
import { setFlagsFromString } from "node:v8";
import type { ServerEvent } from "../../net/events.ts";

/** From so many connections on memory is what a server lacks first; a sender or receiver has one. */
export const CROWD = 100;

export class YoungMemory {
  readonly #setFlag: (flag: string) => void;
  #connections = 0;
  #mayGrow = true;

  /** @param setFlag tells V8; for tests another one */
  constructor(setFlag: (flag: string) => void = setFlagsFromString) {
    this.#setFlag = setFlag;
  }

  /** Counts those who have said hello. */
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
