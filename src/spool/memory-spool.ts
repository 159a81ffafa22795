/**
 * The memory spool: the store, which a server needs, with what operators do to it.
 *
 * This file only wires. The store knows nothing of operators (memory/store.ts), and the operations
 * know three lists and five verbs of it (operate/memory.ts). Why they are apart: adr/0108.
 */
import { MemoryStore } from "./memory/store.ts";
import type { ManagedSpool } from "./operate/contract.ts";
import { MemoryOperations } from "./operate/memory.ts";

export class MemorySpool extends MemoryStore implements ManagedSpool {
  readonly operate = new MemoryOperations(this);
}
