/**
 * The values of all settings, each with its origin. resolve.ts makes them, and all other code reads them.
 *
 * Never here: which of two sources wins (resolve.ts).
 */
import type { SettingName, Values } from "./settings.ts";

/** From the strongest to the weakest. The index decides between settings that exclude each other. */
export const ORIGINS = ["flag", "variable", "file", "answer", "default"] as const;
export type OriginKind = (typeof ORIGINS)[number];

/** Where a value came from. `label` is the name of the place in an error message, such as `--port`. */
export interface Origin {
  readonly kind: OriginKind;
  readonly label: string;
  /** The path of the config file, if the value came from one. */
  readonly path?: string;
}

/** The values of all settings with their origins. Settings of other commands have their defaults. */
export interface Settings {
  readonly values: Values;
  readonly origins: Readonly<Record<SettingName, Origin>>;
}

/**
 * Whether somebody has given this setting a value, even if it is the default: `--port 5011` also answers the question for
 * the port.
 */
export const isGiven = (settings: Settings, name: SettingName): boolean => settings.origins[name].kind !== "default";

/** The same settings with one value and its origin replaced. */
export function withOrigin<K extends SettingName>(
  settings: Settings,
  name: K,
  value: Values[K],
  origin: Origin,
): Settings {
  return { values: { ...settings.values, [name]: value }, origins: { ...settings.origins, [name]: origin } };
}

/** The same settings with one value replaced, for an answer at a prompt. */
export const withAnswer = <K extends SettingName>(settings: Settings, name: K, value: Values[K]): Settings =>
  withOrigin(settings, name, value, { kind: "answer", label: "the answer" });
