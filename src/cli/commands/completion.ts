/**
 * Shell completions: one script for each shell, made of the tables of commands and settings.
 *
 *   filespool re<TAB>                     receive
 *   filespool receive --if<TAB>           --if-exists
 *   filespool receive --if-exists <TAB>   overwrite refuse rename skip
 *   filespool receive --out <TAB>         folders
 *   filespool send <TAB>                  files
 *
 * The script holds everything it needs. TAB starts no program, because a shell that waits for Node at each key is worse
 * than one without completion. So the script must be printed again after an update; a shell that evaluates it at its
 * start does so by itself. The word in the help, such as <folder> or <file>, says how a value is completed.
 *
 * Never here: which settings and commands there are (settings.ts, commands/table.ts). Why from the tables: adr/0046.
 */
import type { CommandRow } from "../command.ts";
import { COMMAND_NAMES, type Command } from "../settings/command-names.ts";
import { helpOf, settingOf, settingsOn } from "../settings/settings.ts";

/** What can follow a flag, or be a word of a command: one of a few words, the name of a file, or anything. */
type Values =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "folder" | "any" };

/** The part of the table of commands that goes into a script. */
type Commands = Readonly<Record<Command, Pick<CommandRow, "about" | "operands">>>;

/** A setting as a shell sees it: the flag, the help beside it, and what may follow. */
interface Flag {
  readonly name: string;
  readonly help: string;
  /** The word for the value in the help; null for a switch. */
  readonly argument: string | null;
  readonly values: Values;
}

/** A command with everything that TAB can complete after its name. */
interface CommandFacts {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  readonly operands: Values;
}

/** The words of the help are types here: an argument called <file> is completed as a file. */
const valuesOf = (argument: string | null, words?: readonly string[]): Values => {
  if (words !== undefined) return { kind: "words", words };
  return { kind: argument === "file" || argument === "folder" ? argument : "any" };
};

/** The tables as all three shells need them: commands with their flags and words. */
function factsOf(commands: Commands): CommandFacts[] {
  return COMMAND_NAMES.map((name) => {
    const { about, operands = [] } = commands[name];
    const flags = settingsOn(name).map((setting): Flag => {
      const { argument, words } = settingOf(setting);
      return { name: setting, help: helpOf(setting, name), argument, values: valuesOf(argument, words) };
    });
    const config: Flag = { name: "config", help: "config file", argument: "file", values: { kind: "file" } };
    const help: Flag = { name: "help", help: "print the help", argument: null, values: { kind: "any" } };
    const [first] = operands;
    // The word in "[file...]" says that files go there.
    const word = first === undefined ? null : (/\w+/.exec(first.syntax)?.[0] ?? null);
    return { name, about, flags: [...flags, config, help], operands: valuesOf(word, first?.choices) };
  });
}

/** In single quotes, in which bash and zsh change nothing. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** In fish, a backslash within single quotes escapes. */
const fishQuoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** `help` is a command of commander, which is in no table. */
const HELP = ["help", "print the help of a command"] as const;

/**
 * bash knows nothing of the meaning of words, so the script decides by the word before the current one:
 *
 *   case $prev in
 *     --if-exists) words='refuse rename overwrite skip' ;;    one of these
 *     --out) paths=folder ;;                                  names of folders
 *     --port) : ;;                                            anything: nothing is offered
 *     *) case ${COMP_WORDS[1]} in                             else the flags of the command, or its words
 *
 * It needs no package bash-completion, and runs in bash 3.2, which some systems still have.
 */
function bash(commands: readonly CommandFacts[]): string {
  const answer = (values: Values): string => {
    if (values.kind === "words") return `words=${quoted(values.words.join(" "))}`;
    return values.kind === "any" ? ":" : `paths=${values.kind}`;
  };
  // What follows each flag. Flags of the same name mean the same in every command.
  const flags = new Map(commands.flatMap(({ flags }) => flags.map((flag) => [flag.name, flag] as const)));
  const valued = [...flags.values()].filter(({ argument }) => argument !== null);
  const names = commands.map(({ name }) => name);
  return `# filespool completion for bash
_filespool() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words= paths=
  COMPREPLY=()
  # "--flag=value" arrives as three words
  if [[ $cur == "=" ]]; then cur=; elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if (( COMP_CWORD == 1 )); then
    words=${quoted([...names, HELP[0], "--help", "--version"].join(" "))}
  else
    case $prev in
${valued.map(({ name, values }) => `      --${name}) ${answer(values)} ;;\n`).join("")}      *)
        case \${COMP_WORDS[1]} in
          help) words=${quoted(names.join(" "))} ;;
${commands
  .map(({ name, flags, operands }) => {
    const all = quoted(flags.map((flag) => `--${flag.name}`).join(" "));
    return `          ${name}) if [[ $cur == -* ]]; then words=${all}; else ${answer(operands)}; fi ;;\n`;
  })
  .join("")}        esac ;;
    esac
  fi
  # names of files may have spaces: one per line, and quoted by the shell
  local IFS=$'\\n'
  if [[ $paths ]]; then
    compopt -o filenames 2>/dev/null
    [[ $paths == folder ]] && COMPREPLY=($(compgen -d -- "$cur")) || COMPREPLY=($(compgen -f -- "$cur"))
  elif [[ $words ]]; then
    COMPREPLY=($(IFS=' '; compgen -W "$words" -- "$cur"))
  fi
}
complete -F _filespool filespool
`;
}

/**
 * zsh has a language for completion: one line for each flag, with its help and what follows it.
 *
 *   '--out[folder to put the files in]:folder:_files -/'
 *
 * The last line serves both ways of loading: as a file in $fpath, which zsh runs at the first TAB, and by `eval`.
 */
function zsh(commands: readonly CommandFacts[]): string {
  const safe = (text: string) => text.replaceAll(/[[\]:]/g, "\\$&");
  const action = (values: Values): string => {
    if (values.kind === "words") return `(${values.words.join(" ")})`;
    return { file: "_files", folder: "_files -/", any: " " }[values.kind];
  };
  const spec = ({ name, help, argument, values }: Flag) =>
    quoted(`--${name}[${safe(help)}]${argument === null ? "" : `:${argument}:${action(values)}`}`);
  const rows = commands.map(({ name, flags, operands }) => {
    const rest = operands.kind === "any" ? "" : ` ${quoted(`*:word:${action(operands)}`)}`;
    return `        ${name}) _arguments ${flags.map(spec).join(" ")}${rest} ;;\n`;
  });
  const pairs = [...commands.map(({ name, about }) => [name, about] as const), HELP];
  return `#compdef filespool
_filespool() {
  local state
  local -a commands
  commands=(${pairs.map(([name, about]) => quoted(`${name}:${safe(about)}`)).join(" ")})
  _arguments -C '1: :->command' '*:: :->rest' && return
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
        help) _describe command commands ;;
${rows.join("")}      esac ;;
  esac
}
if [ "$funcstack[1]" = "_filespool" ]; then _filespool "$@"; else compdef _filespool filespool; fi
`;
}

/**
 * fish has one command for completion. It is called once for each offer, with the condition under which to make it:
 *
 *   complete -c filespool -n '__fish_seen_subcommand_from receive' -l out -x -a '(__fish_complete_directories)'
 *
 * fish shows the help of a flag beside it.
 */
function fish(commands: readonly CommandFacts[]): string {
  const action = (values: Values): string => {
    if (values.kind === "words") return ` -x -a ${fishQuoted(values.words.join(" "))}`;
    return { file: " -r -F", folder: " -x -a '(__fish_complete_directories)'", any: " -x" }[values.kind];
  };
  const lines = [...commands.map(({ name, about }) => [name, about] as const), HELP].map(
    ([name, about]) => `complete -c filespool -n __fish_use_subcommand -a ${name} -d ${fishQuoted(about)}`,
  );
  lines.push(`complete -c filespool -n '__fish_seen_subcommand_from help' -a ${fishQuoted(COMMAND_NAMES.join(" "))}`);
  for (const { name, flags, operands } of commands) {
    const here = `complete -c filespool -n '__fish_seen_subcommand_from ${name}'`;
    for (const { name, help, argument, values } of flags) {
      lines.push(`${here} -l ${name} -d ${fishQuoted(help)}${argument === null ? "" : action(values)}`);
    }
    if (operands.kind === "words") lines.push(`${here} -a ${fishQuoted(operands.words.join(" "))}`);
    else if (operands.kind !== "any") lines.push(`${here} -F`);
  }
  return `# filespool completion for fish\ncomplete -c filespool -f\n${lines.join("\n")}\n`;
}

// The keys are the choices in the table of commands.
const SHELLS: Readonly<Record<string, (commands: readonly CommandFacts[]) => string>> = { bash, zsh, fish };

/** The script for a shell. arguments.ts has checked the name of the shell. */
export const completionScript = (shell: string, commands: Commands): string => SHELLS[shell]?.(factsOf(commands)) ?? "";
