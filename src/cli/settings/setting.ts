/**
 * What a row of the table of settings is, apart from the rows.
 *
 * The rows are in settings.ts and in the settings-*.ts files beside it. A row does not know where its value will come
 * from. Read next: settings.ts.
 */
import type { Command } from "./command-names.ts";
import type { ValueType } from "./value-types.ts";

/**
 * One row of the table: a value type (how values are read and shown) together with what only this setting has.
 * `T` is the type of a value that somebody gave, `D` the type of the default, which may be undefined.
 */
export interface Setting<T, D> extends ValueType<T> {
  /** The value when no source gives one; undefined means "not set". */
  readonly fallback: D;
  /** The commands that have it. Elsewhere the flag is unknown, and a variable or key of that name is ignored. */
  readonly on: readonly Command[];
  /** One sentence for `--help`, without the default, which is added from `fallback`. */
  readonly help: string;
  /** What the help of one command says instead: no help explains what another command does with the setting. */
  readonly helpOn?: Partial<Record<Command, string>>;
  /** The question on a terminal, by command. `guided`: asked only if the person did not type a command. */
  readonly ask?: Partial<Record<Command | "guided", string>>;
  /** The default of one command, where it differs. */
  readonly fallbackOn?: Partial<Record<Command, string>>;
  /** The help shows this in place of the default, where the default is not a value. */
  readonly unset?: string;
  /** For these commands it is only a flag. A variable that was set for other runs must not change this one. */
  readonly flagOnly?: readonly Command[];
  /** Never a flag and never shown, because every user of a machine can read the arguments of a program. */
  readonly secret?: true;
  /** The values that a command accepts, where it accepts fewer than the others. */
  readonly only?: Partial<Record<Command, ValueType<T>>>;
}

/** The part of a row that its value type does not bring. */
type Row<T, D> = Omit<Setting<T, D>, keyof ValueType<T>>;

/** A setting that always has a value. */
export const setting = <T>(valueType: ValueType<T>, row: Row<T, NoInfer<T>>): Setting<T, T> => ({
  ...valueType,
  ...row,
});

/** A setting that may be left out; `unset` says what then happens. */
export const optional = <T>(
  valueType: ValueType<T>,
  row: Omit<Row<T, undefined>, "fallback"> & { unset: string },
): Setting<T, undefined> => ({
  ...valueType,
  ...row,
  fallback: undefined,
});
