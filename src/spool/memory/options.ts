/**
 * What a memory spool is made with: clocks, digests and bounds, all handed in, so that a run can
 * be repeated exactly.
 */
import type { Digest } from "../../disk/digest.ts";
import type { SpoolLimits } from "../contract.ts";

export interface MemorySpoolOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A clock that nobody sets, for leases; `now` unless given. */
  readonly ticks?: () => number;
  /** Starts a digest of one of the algorithms in `digests`; disk/digest.ts has one for Node. */
  readonly createDigest: (algorithm: string) => Digest;
  /** Preferred first. */
  readonly digests?: readonly string[];
  /**
   * Begins every token. Give each spool its own where tokens of an earlier one may still be about.
   */
  readonly epoch?: string;
  readonly limits?: Partial<SpoolLimits>;
}
