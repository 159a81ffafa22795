/**
 * What a row of the table of settings is, apart from the rows.
 *
 * The rows are in settings.ts, and those of a server's bounds and of its operation in settings-serve.ts. Neither of the two
 * kinds of row knows where its value will come from. Read next: settings.ts.
 */
import type { Command } from "./command-names.ts";
import type { ValueType } from "./value-types.ts";

/**
 * One row of the table: a value type (how values are read and shown) together with what only this setting has.
 * `T` is the type of a value that somebody gave, `D` the type of the default, which may be undefined.
 */
export interface Setting<T, D> extends ValueType<T> {
  /** What it is when nobody says anything; undefined stands for "not set". */
  readonly fallback: D;
  /** The commands that have it. Elsewhere the flag is unknown, and a variable or key of that name is ignored. */
  readonly on: readonly Command[];
  /** One sentence for `--help`, without the default, which is added from `fallback`. */
  readonly help: string;
  /** The question on a terminal, for the commands that ask it; `guided`: for a client that was asked everything so far. */
  readonly ask?: Partial<Record<Command | "guided", string>>;
  /** Said in the help in place of the default, where the default is not a value. */
  readonly unset?: string;
  /** The commands for which it is a flag and nothing else: what a variable of old must not do to this one run. */
  readonly flagOnly?: readonly Command[];
  /** Never a flag, never shown: argument lists can be read by every user of a machine. */
  readonly secret?: true;
  /** Where a command takes less than the others do: what it takes. */
  readonly only?: Partial<Record<Command, ValueType<T>>>;
}

/** The part of a row that its value type does not bring. */
type Row<T, D> = Omit<Setting<T, D>, keyof ValueType<T>>;

/** A setting that always has a value. */
export const setting = <T>(valueType: ValueType<T>, row: Row<T, NoInfer<T>>): Setting<T, T> => ({
  ...valueType,
  ...row,
});

/** A setting that may be left out; `unset` says what that means. */
export const optional = <T>(
  valueType: ValueType<T>,
  row: Omit<Row<T, undefined>, "fallback"> & { unset: string },
): Setting<T, undefined> => ({
  ...valueType,
  ...row,
  fallback: undefined,
});
