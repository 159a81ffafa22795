/**
 * The values of all settings, each with where it came from: what resolve.ts makes, and everybody else reads.
 *
 * Never here: which of two sources wins (resolve.ts).
 */
import type { SettingName, Values } from "./settings.ts";

/** Strongest first. The index is the rank, which decides between settings that exclude each other. */
export const ORIGINS = ["flag", "variable", "file", "answer", "default"] as const;
export type OriginKind = (typeof ORIGINS)[number];

/** Where a value came from; `label` is how an error message names the place, e.g. `--port`. */
export interface Origin {
  readonly kind: OriginKind;
  readonly label: string;
  /** Of the config file, where it was that. */
  readonly path?: string;
}

/** The values of all settings with their origins. Settings of other commands have their defaults. */
export interface Settings {
  readonly values: Values;
  readonly origins: Readonly<Record<SettingName, Origin>>;
}

/**
 * Whether anybody has said what this setting should be, even if it was the default. A person who types
 * `--port 5011` has answered the question that would otherwise be put.
 */
export const isGiven = (settings: Settings, name: SettingName): boolean => settings.origins[name].kind !== "default";

/** The same settings with one value replaced, and where that came from. */
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
