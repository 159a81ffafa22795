/**
 * Test files that are not among the tests of `npm test`: they take minutes together, start hundreds of programs, and say what
 * shorter tests of the same behaviour say in a smaller form. `npm run test:long` runs them, and whoever changes what they are
 * about runs that. Why: adr/0101.
 */
export const LONG_FORM: readonly string[] = [
  "test/benchmarks/smoke.test.ts",
  "test/e2e/coarse-disk.test.ts",
  "test/e2e/few-descriptors.test.ts",
  "test/e2e/file-attributes.test.ts",
  "test/e2e/foreign-archives.test.ts",
  "test/e2e/full-disk.test.ts",
  "test/e2e/hot-folder.test.ts",
  "test/e2e/lost-output.test.ts",
  "test/e2e/target-folder.test.ts",
  "test/e2e/target-refuses.test.ts",
  "test/e2e/unread-server.test.ts",
  "test/e2e/unwritable-log.test.ts",
  "test/e2e/watch.test.ts",
];
