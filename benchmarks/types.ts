/** What the parts of the benchmark suite have in common: cases that are run in turn, and the samples they give. */

/** What one process used. Peak memory is anonymous memory (RssAnon), which leaves out the map of the index. */
export interface Usage {
  /** User and system time, milliseconds. */
  readonly cpuMs: number;
  readonly peakBytes: number;
}

/** One run of one case. */
export interface Sample {
  /** From the start of the command to its exit; or what the case says that it measures. */
  readonly ms: number;
  /** Its two halves, where it is a trip: up into the server, and down again. */
  readonly uploadMs?: number;
  readonly downloadMs?: number;
  /** By program: "server", "sender", "receiver"; empty where it was not measured. */
  readonly usage: Readonly<Record<string, Usage>>;
}

/** Where files lie: "memory" is tmpfs, which shows what the code costs; "disk" is what a user has. */
export type Place = "memory" | "disk";

export interface Case {
  /** Unique and stable from run to run, such as "filespool/store-and-forward/1GiB/256KiB/fsync/memory". */
  readonly key: string;
  /** For the table: rows of one group are compared with each other. */
  readonly group: string;
  readonly label: string;
  /** Bytes of file content that one run moves; rates are of these. */
  readonly bytes: number;
  /** Files that one run moves. */
  readonly files: number;
  /** What it verifies, and what is on disk when it says that it is done; "nothing" is an answer. */
  readonly checks: string;
  readonly syncs: string;
  /** One run, with whatever it needs made before its clock starts, and removed after it stops. */
  run(): Promise<Sample>;
}

/** Why something is not measured here, by name. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}
