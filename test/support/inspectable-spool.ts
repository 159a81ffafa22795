/** A local spool whose parts a test can look into, count, and hold still. */
import type { LocalIndex } from "../../src/spool/local/index.ts";
import { type LocalParts, type LocalSpoolOptions, openParts } from "../../src/spool/local/parts.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";

export class InspectableSpool extends LocalSpool {
  readonly parts: LocalParts;

  static override async open(options: LocalSpoolOptions): Promise<InspectableSpool> {
    return new InspectableSpool(await openParts(options));
  }

  constructor(parts: LocalParts) {
    super(parts);
    this.parts = parts;
  }

  get index(): LocalIndex {
    return this.parts.index;
  }

  /**
   * What is in memory of what passes through, in numbers. All of it has an end, and each number is 0 when nothing is under
   * way; the test "when everything has come to its end, nothing of it is left in memory" holds each map and sum to that.
   */
  underWay(): Readonly<Record<string, number>> {
    const { index, queues, room, contents } = this.parts;
    const { askedBytes } = index.reserve;
    const { removals } = contents;
    return { ...queues.underWay(), ...index.totals.underWay(), ...room.underWay(), removals, askedBytes };
  }
}
