/**
 * The local spool: the store, which a server needs, with what operators do to it.
 *
 * This file only wires. The store knows nothing of operators (local/store.ts), and the operations
 * get the parts that they use and not the store (operate/local.ts). Both work on the same parts, so
 * a file that an operator takes is taken from its receiver. Why they are apart: adr/0108.
 */
import { type LocalParts, type LocalSpoolOptions, openParts } from "./local/parts.ts";
import { LocalStore } from "./local/store.ts";
import type { ManagedSpool } from "./operate/contract.ts";
import { LocalOperations } from "./operate/local.ts";

export type { LocalSpoolOptions } from "./local/parts.ts";

export class LocalSpool extends LocalStore implements ManagedSpool {
  readonly operate: LocalOperations;

  /**
   * Opens or creates a spool and recovers what a crash left.
   * @throws FilespoolError spool-locked: another server has it; spool-unusable: rights,
   * a newer format
   */
  static async open(options: LocalSpoolOptions): Promise<LocalSpool> {
    return new LocalSpool(await openParts(options));
  }

  /** For a caller that has opened the parts itself, as tests do that look into them. */
  constructor(parts: LocalParts) {
    super(parts);
    this.operate = new LocalOperations(parts);
  }
}
