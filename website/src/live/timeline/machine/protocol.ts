/** src/protocol as it is, with conversations that can be watched: each step of a table is written into the story. */

import type { EffectOf, EventOf, StateOf, Transitions } from "../../../../../src/protocol/state-machine.ts";
import { Conversation as Unwatched } from "../../../../../src/protocol/state-machine.ts";
import { UPLOAD_SERVER } from "../../../../../src/protocol/upload.ts";
import { running } from "./program.ts";

export * from "../../../../../src/protocol/index.ts";

export class Conversation<T extends Transitions> extends Unwatched<T> {
  readonly #half: "upload" | "delivery";

  constructor(table: T, start: StateOf<T>) {
    super(table, start);
    this.#half = (table as Transitions) === UPLOAD_SERVER ? "upload" : "delivery";
  }

  override on(event: EventOf<T>): readonly EffectOf<T>[] {
    const effects = super.on(event);
    const { who, scribe } = running().machine;
    scribe.change(who, this.#half, event, this.state);
    return effects;
  }
}
