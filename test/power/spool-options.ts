/** The spool that is worked on and the one that is opened after the power cut have the same bounds and clock. */
export const SPOOL = {
  startMs: 1_700_000_000_000,
  options: {
    inlineBytesMax: 4096,
    bufferBytes: 16_384,
    limits: { failuresMax: 2, leaseMs: 1000, tombstoneTtlMs: 10_000, uploadTtlMs: Infinity, diskFreeBytesMin: 0 },
  },
} as const;
