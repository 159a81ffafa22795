/**
 * The local spool with all its parts: the store, which a server needs, and what operators do to it.
 *
 * It only wires. The store knows nothing of operators (local/store.ts). Why they are apart: adr/0108.
 */
import { type LocalSpoolOptions, LocalStore } from "./local/store.ts";
import type { ManagedSpool } from "./operate/contract.ts";
import { LocalOperations } from "./operate/local.ts";

export type { LocalSpoolOptions } from "./local/store.ts";

export class LocalSpool extends LocalStore implements ManagedSpool {
  readonly operate = new LocalOperations(this);

  /**
   * Opens or creates a spool and recovers what a crash left.
   * @throws FilespoolError spool-locked: another server has it; spool-unusable: rights, a newer format
   */
  static open(options: LocalSpoolOptions): Promise<LocalSpool> {
    return LocalStore.openAs(LocalSpool, options);
  }
}
