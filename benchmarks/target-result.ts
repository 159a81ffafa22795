/** What a part of the targets is given, and what it finds. */
export interface Result {
  readonly name: string;
  readonly measured: string;
  readonly target: string;
  readonly isMet: boolean;
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface TargetOptions {
  /** On the disk that is to be measured. */
  readonly folder: string;
  readonly isQuick: boolean;
  readonly report: (line: string) => void;
}
