/**
 * `filespool config check` and `filespool config show`: what is wrong with a config file, and what holds.
 *
 * A server that is started with a wrong file stops at the first mistake, because it has to stop anyway. Whoever writes the
 * file wants to hear of all of them at once, and before it is put into force. Both look at the same table and use the same
 * parsers, so what is found right here is right there.
 *
 *   check   nothing but the file: no variable, no flag. Exit code 0, or 2 with a sentence for each mistake
 *   show    what a command would be started with here and now, and for each setting which source had the last word
 *
 * Secrets are never shown, not even their length.
 */
import { type Around, COMMAND_NAMES, COMMANDS, type Command } from "./commands.ts";
import { CONFIG_FILE, type ConfigFile, loadConfig, parseValue, readConfig, resolve, unknownKeys } from "./config.ts";
import { EXIT, UsageError } from "./exit.ts";
import { KNOB_NAMES, KNOBS, type KnobName, knobOf, knobsOn, shapeOf } from "./knobs.ts";
import { counted, line } from "./printable.ts";
import { allowHost } from "./prompts.ts";
import { brokenRules } from "./serve-rules.ts";

/** Runs either of them. @returns the exit code @throws UsageError */
export function config([action, command]: readonly string[], around: Around): Promise<number> {
  return action === "check" ? check(around) : show(command ?? "serve", around);
}

/**
 * Where the file is, by the rule of every command: the flag, else the variable. An empty variable is as good as none,
 * because that is how shells unset them.
 */
const pathOf = ({ typed, world }: Around): string | undefined =>
  typed.config ?? (world.env.FILESPOOL_CONFIG || undefined);

/**
 * `config check`. No file is no mistake: all settings have defaults, and a script that checks before it starts a
 * server must not fail for that.
 */
async function check(around: Around): Promise<number> {
  const { report, world } = around;
  const file = await readConfig(pathOf(around), world.folder);
  if (file === null) {
    report.say(`There is no ${CONFIG_FILE} here, so there is nothing to check.`);
    return EXIT.done;
  }
  // All of them before the end: whoever mends one would otherwise have to come back for the next.
  const mistakes = await mistakesIn(file);
  for (const message of mistakes) {
    if (!report.row({ event: "mistake", message }, null)) report.complain(`mistake   ${message}`);
  }
  if (mistakes.length > 0) throw new UsageError(`${counted(mistakes.length, "mistake")} in ${file.path}`);
  const known = Object.keys(file.values).length;
  report.done({ settings: known }, line`${file.path} is right: ${counted(known, "setting")}.`);
  return EXIT.done;
}

/**
 * Everything that is wrong with a file, in sentences. First each setting by itself, then together, command by command;
 * each sentence once, however many commands would say it.
 */
export async function mistakesIn(file: ConfigFile): Promise<string[]> {
  const mistakes = new Set(unknownKeys(file));
  const right: Record<string, unknown> = {};
  for (const name of KNOB_NAMES.filter((name) => Object.hasOwn(file.values, name))) {
    const mistake = mistakeOf(file, name);
    if (mistake === null) right[name] = file.values[name];
    else mistakes.add(mistake);
  }
  // What is right by itself may still exclude each other; what is wrong already is left out, to be told of once.
  for (const command of COMMAND_NAMES) {
    try {
      // A command is asked about its own settings only; a value that it cannot take is another command's.
      const usable = Object.fromEntries(
        Object.entries(right).filter(([name]) => isTakenBy(command, name, right[name])),
      );
      const settings = resolve(command, { flags: {}, env: {}, file: { ...file, values: usable } });
      if (command !== "serve") continue;
      for (const rule of brokenRules(settings)) mistakes.add(rule);
      await allowHost(settings, null);
    } catch (error) {
      // Whatever else is thrown is a bug of ours, and no mistake in anybody's file.
      if (!(error instanceof UsageError)) throw error;
      mistakes.add(error.message);
    }
  }
  return [...mistakes];
}

/**
 * Why none of the commands that have this setting would take its value, or null when one would. The first refusal is
 * the one that is told.
 */
function mistakeOf(file: ConfigFile, name: KnobName): string | null {
  let mistake: string | null = null;
  const origin = { kind: "file", label: `"${name}" in ${file.path}` } as const;
  for (const command of knobOf(name).on) {
    try {
      parseValue(command, name, { raw: file.values[name], origin });
      return null;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      mistake ??= error.message;
    }
  }
  return mistake;
}

/** A server's port 0 is no mistake because a sender cannot use it. */
const isTakenBy = (command: Command, name: string, raw: unknown): boolean =>
  shapeOf(name as KnobName, command).parse(String(raw)) !== null;

/**
 * `config show COMMAND`.
 * @throws UsageError for a command that has no settings, and for whatever the command itself would refuse
 */
async function show(name: string, around: Around): Promise<number> {
  const { report, world, typed } = around;
  const command = COMMAND_NAMES.find((candidate) => candidate === name && !COMMANDS[candidate].inspects);
  if (command === undefined) {
    const known = COMMAND_NAMES.filter((candidate) => !COMMANDS[candidate].inspects).join(", ");
    throw new UsageError(`there is no command ${JSON.stringify(name)} with settings to show; there are ${known}`);
  }
  // Exactly what the command itself would do, its errors included: a setting that it would refuse cannot be shown.
  const file = await loadConfig(pathOf(around), world.folder);
  const { values, origins } = resolve(command, { flags: typed.flags, env: world.env, file });
  // In the order of the help, defaults included: what was not set is often what explains a surprise.
  const names = knobsOn(command);
  const widest = Math.max(...names.map((setting) => setting.length));
  for (const setting of names) {
    const { show: text, unset, secret } = KNOBS[setting] as ReturnType<typeof knobOf>;
    // What is not set has no value to show, and what that means is said in its place.
    const value = values[setting];
    const isSet = value !== undefined;
    const shown = !isSet ? null : secret ? "(secret)" : text(value);
    const { kind, label } = origins[setting];
    const event = { event: "setting", name: setting, value: shown, origin: kind, from: label };
    const origin = kind === "default" ? "" : `, from ${label}`;
    report.row(event, () => line`${setting.padEnd(widest)}  ${shown ?? `(${unset})`}${origin}`);
  }
  return EXIT.done;
}
