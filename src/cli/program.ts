/**
 * One run of the program, from words to exit code, in an environment that the caller hands in.
 *
 * The order of things is the order in which they can still be taken back for nothing:
 *
 *   1. the words are understood       a typing mistake ends here
 *   2. the settings are resolved      so does a wrong value, wherever it stands
 *   3. what is missing is asked       so does Ctrl-C in a question
 *   4. the command runs               from here on, a spool or a server is involved; one that asks for a token
 *                                     or for encryption has it asked for (ask-when-refused.ts), and 4 is begun again
 *
 *   words -> arguments.ts -> resolve.ts -> prompts.ts -> the `run` of a row in commands/table.ts -> exit code
 *
 * It touches nothing of the process by itself, so that tests can run it in theirs. What is heavy (the
 * network, the database, the prompts) is imported when it is needed: `--help` and a typing mistake are
 * answered without loading any of it.
 *
 * One rule holds in every path: nothing is touched, neither the network nor a folder, before every setting is
 * known and accepted. A mistake in the last flag must not be found after the first file has been sent.
 */
import { overview, parseArguments } from "./arguments.ts";
import type { Context, Task, Typed } from "./command.ts";
import { COMMANDS } from "./commands/table.ts";
import { type Environment, version } from "./environment.ts";
import { EXIT, OutputError, UsageError } from "./exit-codes.ts";
import type { Prompter } from "./prompter.ts";
import { askCommand, askRole, askSettings, mayAsk, sameWithoutQuestions } from "./prompts/prompts.ts";
import { line } from "./report/escape.ts";
import { Outlet } from "./report/outlet.ts";
import { Report } from "./report/report.ts";
import { checkRuntime } from "./runtime.ts";
import { type Command, inspects, KINDS } from "./settings/command-names.ts";
import { loadConfig, type Surroundings, tellOfConfig } from "./settings/config-file.ts";
import { type Settings, withOrigin } from "./settings/origins.ts";
import { resolve } from "./settings/resolve.ts";
import type { SettingName } from "./settings/settings.ts";

/**
 * Runs one command. Never throws: whatever goes wrong on the way is told by the report, and becomes a number.
 * @returns the exit code, see exit-codes.ts
 */
export async function run(environment: Environment): Promise<number> {
  const [stdout, stderr] = [environment.stdout, environment.stderr].map(
    (stream) => new Outlet(stream, eitherOf(environment)),
  );
  const said = await carryOut(environment, stdout as Outlet, stderr as Outlet);
  return settled(said, stdout as Outlet, stderr as Outlet);
}

/** What a run has come to, and the report that told it. */
interface Outcome {
  readonly code: number;
  readonly report: Report;
  /** It had standard output for contents, and has told itself what became of those. */
  readonly isContents: boolean;
}

/**
 * The end of a run: all that was said is out, or lost. Lost lines are no success, and a failure of the work says more than they.
 * @returns the exit code
 */
async function settled({ code, report, isContents }: Outcome, stdout: Outlet, stderr: Outlet): Promise<number> {
  const isOut = await stdout.settled();
  const { failure } = stdout;
  const worst = (other: number) => (code === EXIT.done ? other : code);
  let end = code;
  if (failure?.isReaderGone) end = worst(EXIT.unread);
  else if (failure && !stdout.isTold && !isContents) {
    const why = `standard output cannot be written: ${failure.why}; lines are lost, files are not`;
    end = worst(report.fail(new OutputError(why)));
    report.flush();
  } else if (!isOut && !stdout.isStaying) end = worst(EXIT.interrupted);
  await stderr.settled();
  return stdout.isStaying ? code : end;
}

async function carryOut(environment: Environment, stdout: Outlet, stderr: Outlet): Promise<Outcome> {
  const { words, env, now } = environment;
  // With `--output -`, standard output belongs to the files, and everything that is said goes to stderr.
  const reportOf = ({
    json,
    quiet,
    verbose,
    output,
  }: Pick<Settings["values"], "json" | "quiet" | "verbose" | "output">) =>
    new Report({ json, quiet, verbose, stdout: output === "-" ? stderr : stdout, stderr, env, now });
  // Until the settings are known, an error is told in the way that the words alone ask for.
  const has = (flag: string) => words.includes(flag);
  // This first report is replaced below, when variables and the config file have been heard as well.
  const output = has("--output") ? "-" : undefined;
  let report = reportOf({ json: has("--json"), quiet: has("--quiet"), verbose: has("--verbose"), output });
  let isContents = false;
  const over = (code: number): Outcome => ({ code, report, isContents });
  try {
    const typed = await whatToDo(environment);
    if (typed === null) return over(EXIT.done);
    const { verb, flags, operands, config, isGuided } = typed;
    const path = config ?? (env.FILESPOOL_CONFIG || undefined);
    const isInspected = verb !== "client" && inspects(verb);
    const context = surroundingsOf(environment);
    const file = isInspected ? null : await loadConfig(path, context);
    // Both roles of a client share the settings that are asked for before the role is known.
    let command: Command = verb === "client" ? "send" : verb;
    const settings = resolve(command, { flags, env, file });
    const output = command === "receive" ? settings.values.output : undefined;
    isContents = output === "-";
    report = reportOf({ ...settings.values, output });
    if (!isInspected) tellOfConfig(file, path, context, report);
    // From here on it is decided whether anybody may be asked; null is carried along where not.
    const prompter = mayAsk(environment, settings.values) ? await prompterOf(environment) : null;
    let task: Task = { settings, operands };
    // An invite answers most questions, so it comes before them.
    const isLocal = ["server", "local"].includes(KINDS[command]);
    if (!isLocal) task = await (await import("./credentials/client.ts")).withInvite(task, prompter, report);
    const told = task;
    if (verb === "client") {
      // The original's order: where the server is, then which role, then what that role needs.
      if (prompter === null)
        throw new UsageError("client asks questions, and there is no terminal; use send or receive");
      const asked = await askSettings("send", task.settings, prompter, true);
      command = await askRole(prompter);
      task = { ...task, settings: withAnswersOf(asked, settings, resolve(command, { flags, env, file })) };
    }
    const reread = async () => resolve(command, { flags, env, file: await loadConfig(path, context) });
    if (prompter !== null) task = { ...task, settings: await askSettings(command, task.settings, prompter, isGuided) };
    return over(
      await runCommand(
        { environment, report, stdout, stderr, reread, typed, file, signal: eitherOf(environment) },
        command,
        { told, task },
        prompter,
      ),
    );
  } catch (error) {
    return over(report.fail(error));
  } finally {
    report.flush();
  }
}

/** What was typed or, if nothing was typed, chosen. Null: help or version was asked for, and is printed. */
async function whatToDo(environment: Environment): Promise<(Typed & { isGuided: boolean }) | null> {
  const { words, env, stdout, stderr } = environment;
  // With any word at all, the words decide; questions are then about settings only.
  if (words.length > 0) {
    const typed = parseArguments(words, version(), stdout);
    return typed && { ...typed, isGuided: typed.verb === "client" };
  }
  const file = await loadConfig(env.FILESPOOL_CONFIG || undefined, surroundingsOf(environment));
  // Whether anything may be asked is the same for every command; serve stands for all.
  if (!mayAsk(environment, resolve("serve", { flags: {}, env, file }).values)) {
    overview(version(), stderr);
    throw new UsageError("no command given, and nobody to ask for one; use serve, send or receive");
  }
  return {
    verb: await askCommand(await prompterOf(environment)),
    flags: {},
    operands: [],
    config: undefined,
    isGuided: true,
  };
}

/** Carries over what was answered before the role was known, so that no question is put twice. */
function withAnswersOf(asked: Settings, before: Settings, to: Settings): Settings {
  let settings = to;
  for (const name of Object.keys(asked.origins) as SettingName[]) {
    const origin = asked.origins[name];
    if (origin !== before.origins[name]) settings = withOrigin(settings, name, asked.values[name], origin);
  }
  return settings;
}

/**
 * Settles what is left, then runs the command itself; once more when a server at its door asks for what a person can say.
 * @param told what was known before anything was asked
 * @param prompter null when nobody can be asked; what is missing then has its default, or is an error
 */
async function runCommand(
  context: Context,
  command: Command,
  { told, task }: { told: Task; task: Task },
  prompter: Prompter | null,
): Promise<number> {
  checkRuntime(command);
  const { prepare, run: runIt } = COMMANDS[command];
  const { report } = context;
  let ready = prepare ? await prepare(task, prompter) : task;
  for (let known = told; ; ) {
    // Who was asked learns how not to be: the questions are a way in, not a way of life.
    if (ready.settings !== known.settings || ready.operands !== known.operands)
      report.say(line`Without questions: ${sameWithoutQuestions(command, ready.settings, ready.operands)}`);
    try {
      return await runIt(ready, context);
    } catch (error) {
      if (prompter === null || report.hasConnected || context.signal.aborted) throw error;
      const { admitted } = await import("./credentials/ask-when-refused.ts");
      const next = await admitted(error, ready, prompter, report);
      if (next === null) throw error;
      [known, ready] = [ready, next];
    }
  }
}

/** Loads the prompts, which only those runs pay for that ask something. */
async function prompterOf(environment: Environment): Promise<Prompter> {
  const { terminalPrompter } = await import("./prompts/terminal-prompter.ts");
  return terminalPrompter({
    input: environment.stdin,
    output: environment.stdout,
    folder: environment.folder,
    signal: eitherOf(environment),
  });
}

/** For whoever looks for the config file; the folder is looked at when it is needed. */
const surroundingsOf = (environment: Environment): Surroundings => ({
  env: environment.env,
  get folder() {
    return environment.folder;
  },
  signal: eitherOf(environment),
});

/** For all who are to stop by either signal: a client has nothing to drain, and neither has a question. */
const eitherOf = ({ interrupt, terminate }: Environment): AbortSignal => AbortSignal.any([interrupt, terminate]);
