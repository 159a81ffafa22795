/** The part of a stream that prints lines: what a report and an outlet need of `process.stdout`. */
export interface Output {
  write(text: string): unknown;
  /** Holds back what is written until `uncork`, as streams do. */
  cork?(): void;
  uncork?(): void;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}
