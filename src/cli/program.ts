/**
 * One run of the program, from words to exit code, in an environment that the caller hands in.
 *
 * Steps 1 to 3 change nothing, so a run can end there at no cost:
 *
 *   1. the words are parsed           a typing mistake ends the run here
 *   2. the settings are resolved      a wrong value ends it here, whatever its source
 *   3. missing settings are asked     Ctrl-C in a question ends it here
 *   4. the command runs               from here on a spool or a server is involved. If the server asks for a token or for
 *                                     encryption, the person is asked (ask-when-refused.ts), and step 4 begins again
 *
 *   words -> arguments.ts -> resolve.ts -> prompts.ts -> the `run` of a row in commands/table.ts -> exit code
 *
 * It does not touch the process itself, so tests can run it in theirs. Heavy modules (the network, the database, the
 * prompts) are imported when they are needed, so `--help` and the answer to a typing mistake load none of them.
 *
 * One rule holds in every path: no network and no folder is touched before every setting is known and accepted. A mistake
 * in the last flag must not be found after the first file was sent.
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
 * Runs one command. Never throws: the report prints what goes wrong, and the result is an exit code.
 * @returns the exit code, see exit-codes.ts
 */
export async function run(environment: Environment): Promise<number> {
  const [stdout, stderr] = [environment.stdout, environment.stderr].map(
    (stream) => new Outlet(stream, eitherOf(environment)),
  );
  const said = await carryOut(environment, stdout as Outlet, stderr as Outlet);
  return settled(said, stdout as Outlet, stderr as Outlet);
}

/** The result of a run, and the report that printed it. */
interface Outcome {
  readonly code: number;
  readonly report: Report;
  /** Standard output was used for contents of files; the command itself has reported what happened to them. */
  readonly isContents: boolean;
}

/**
 * The end of a run: waits until all output is written or lost. Lost lines change the exit code only if the work succeeded.
 * @returns the exit code
 */
async function settled({ code, report, isContents }: Outcome, stdout: Outlet, stderr: Outlet): Promise<number> {
  const isOut = await stdout.settled();
  const { failure } = stdout;
  const worst = (other: number) => (code === EXIT.done ? other : code);
  let end = code;
  if (failure?.isReaderGone) end = worst(EXIT.unread);
  else if (failure && !stdout.isTold && !isContents) {
    const why = `cannot write to standard output: ${failure.why}; lines are lost, files are not`;
    end = worst(report.fail(new OutputError(why)));
    report.flush();
  } else if (!isOut && !stdout.isStaying) end = worst(EXIT.interrupted);
  await stderr.settled();
  return stdout.isStaying ? code : end;
}

async function carryOut(environment: Environment, stdout: Outlet, stderr: Outlet): Promise<Outcome> {
  const { words, env, now } = environment;
  // With `--output -`, standard output holds contents of files, and all lines go to stderr.
  const reportOf = ({
    json,
    quiet,
    verbose,
    output,
  }: Pick<Settings["values"], "json" | "quiet" | "verbose" | "output">) =>
    new Report({ json, quiet, verbose, stdout: output === "-" ? stderr : stdout, stderr, env, now });
  // Until the settings are known, only the words decide how an error is printed.
  const has = (flag: string) => words.includes(flag);
  // Replaced below, when variables and the config file are known as well.
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
    // Both roles of a client share the settings for which questions come before the role is known.
    let command: Command = verb === "client" ? "send" : verb;
    const settings = resolve(command, { flags, env, file });
    const output = command === "receive" ? settings.values.output : undefined;
    isContents = output === "-";
    report = reportOf({ ...settings.values, output });
    if (!isInspected) tellOfConfig(file, path, context, report);
    // Null if no question may be asked.
    const prompter = mayAsk(environment, settings.values) ? await prompterOf(environment) : null;
    let task: Task = { settings, operands };
    // An invite answers most questions, so it comes before them.
    const isLocal = ["server", "local"].includes(KINDS[command]);
    if (!isLocal) task = await (await import("./credentials/client.ts")).withInvite(task, prompter, report);
    const told = task;
    if (verb === "client") {
      // The original's order: where the server is, then which role, then what that role needs.
      if (prompter === null)
        throw new UsageError("client asks questions and needs a terminal; use filespool send or filespool receive");
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

/** The typed command; if nothing was typed, the chosen one. Null: help or version was printed. */
async function whatToDo(environment: Environment): Promise<(Typed & { isGuided: boolean }) | null> {
  const { words, env, stdout, stderr } = environment;
  // If any word was typed, the words name the command, and questions are only about settings.
  if (words.length > 0) {
    const typed = parseArguments(words, version(), stdout);
    return typed && { ...typed, isGuided: typed.verb === "client" };
  }
  const file = await loadConfig(env.FILESPOOL_CONFIG || undefined, surroundingsOf(environment));
  // Whether questions are allowed does not depend on the command, so `serve` is good enough here.
  if (!mayAsk(environment, resolve("serve", { flags: {}, env, file }).values)) {
    overview(version(), stderr);
    throw new UsageError("no command given; use filespool serve, filespool send or filespool receive");
  }
  return {
    verb: await askCommand(await prompterOf(environment)),
    flags: {},
    operands: [],
    config: undefined,
    isGuided: true,
  };
}

/** Carries over the answers that were given before the role was known, so no question comes twice. */
function withAnswersOf(asked: Settings, before: Settings, to: Settings): Settings {
  let settings = to;
  for (const name of Object.keys(asked.origins) as SettingName[]) {
    const origin = asked.origins[name];
    if (origin !== before.origins[name]) settings = withOrigin(settings, name, asked.values[name], origin);
  }
  return settings;
}

/**
 * Prepares and runs the command. If the server refuses it for lack of a token or of encryption, asks the person and runs it
 * again.
 * @param told what was known before the first question
 * @param prompter null when no question can be asked; a missing value is then the default, or an error
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
    // After questions, show the command that needs none.
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

/** Loads the prompts; only runs that ask something need them. */
async function prompterOf(environment: Environment): Promise<Prompter> {
  const { terminalPrompter } = await import("./prompts/terminal-prompter.ts");
  return terminalPrompter({
    input: environment.stdin,
    output: environment.stdout,
    folder: environment.folder,
    signal: eitherOf(environment),
  });
}

/** For the search for the config file. The folder is read only when it is needed. */
const surroundingsOf = (environment: Environment): Surroundings => ({
  env: environment.env,
  get folder() {
    return environment.folder;
  },
  signal: eitherOf(environment),
});

/** A signal that either of the two triggers: neither a client nor a question has anything to drain. */
const eitherOf = ({ interrupt, terminate }: Environment): AbortSignal => AbortSignal.any([interrupt, terminate]);
