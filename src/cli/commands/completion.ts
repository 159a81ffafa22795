/**
 * Shell completions: one script for each shell, made of the tables of commands and settings.
 *
 *   filespool re<TAB>                     receive
 *   filespool receive --if<TAB>           --if-exists
 *   filespool receive --if-exists <TAB>   overwrite refuse rename skip
 *   filespool receive --out <TAB>         folders
 *   filespool send <TAB>                  files
 *
 * The script holds everything it needs: no program is started when somebody presses TAB, because a shell that waits
 * for Node at each key is worse than none. So it is printed anew after an update; who evaluates it at the start of a
 * shell need not think of that. What a value is, is told by the word that the help has for it: <folder>, <file>.
 *
 * Never here: which settings and commands there are (settings.ts, commands/table.ts). Why from the tables: adr/0046.
 */
import type { CommandRow } from "../command.ts";
import { COMMAND_NAMES, type Command } from "../settings/command-names.ts";
import { settingOf, settingsOn } from "../settings/settings.ts";

/** What can follow a flag, or stand where a command takes a word: a few words, names of files, or anything. */
type Values =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "folder" | "any" };

/** What of the table of commands goes into a script. */
type Commands = Readonly<Record<Command, Pick<CommandRow, "about" | "operands">>>;

/** A setting as a shell sees it: what is typed, what is shown beside it, and what may follow. */
interface Flag {
  readonly name: string;
  readonly help: string;
  /** The word for the value in the help; null for a switch. */
  readonly argument: string | null;
  readonly values: Values;
}

/** A command with everything that can be completed after its name. */
interface CommandFacts {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  readonly operands: Values;
}

/** The words of the help are the types here: an argument that is called <file> is completed as one. */
const valuesOf = (argument: string | null, words?: readonly string[]): Values => {
  if (words !== undefined) return { kind: "words", words };
  return { kind: argument === "file" || argument === "folder" ? argument : "any" };
};

/** The tables as all three shells need them: commands with their flags and what else they take. */
function factsOf(commands: Commands): CommandFacts[] {
  return COMMAND_NAMES.map((name) => {
    const { about, operands = [] } = commands[name];
    const flags = settingsOn(name).map((setting): Flag => {
      const { help, argument, words } = settingOf(setting);
      return { name: setting, help, argument, values: valuesOf(argument, words) };
    });
    const config: Flag = { name: "config", help: "config file", argument: "file", values: { kind: "file" } };
    const help: Flag = { name: "help", help: "what it takes", argument: null, values: { kind: "any" } };
    const [first] = operands;
    // "[file...]" says that files go there, in the words of the help.
    const word = first === undefined ? null : (/\w+/.exec(first.syntax)?.[0] ?? null);
    return { name, about, flags: [...flags, config, help], operands: valuesOf(word, first?.choices) };
  });
}

/** In single quotes, as all three shells take a text back as it is. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** fish knows a backslash within single quotes. */
const fishQuoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** The first words are commands; `help` is one that is in no table, since commander brings it. */
const HELP = ["help", "what a command takes"] as const;

/**
 * bash knows words and nothing of their meaning, so the script decides by the word before the one that is being typed:
 *
 *   case $prev in
 *     --if-exists) words='refuse rename overwrite skip' ;;    one of these
 *     --out) paths=folder ;;                                  names of folders
 *     --port) : ;;                                            anything: nothing is offered
 *     *) case ${COMP_WORDS[1]} in                             else the flags of the command, or what it takes
 *
 * It needs neither the package bash-completion nor a bash newer than 3.2, which some systems still bring.
 */
function bash(commands: readonly CommandFacts[]): string {
  const answer = (values: Values): string => {
    if (values.kind === "words") return `words=${quoted(values.words.join(" "))}`;
    return values.kind === "any" ? ":" : `paths=${values.kind}`;
  };
  // By flag, what follows it; flags of equal names mean the same wherever they are.
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
 * zsh has a language for it: one line for each flag, with its help and what follows it.
 *
 *   '--out[folder to put the files in]:folder:_files -/'
 *
 * The last line serves both ways of loading: as a file in $fpath, where it is called at the first TAB, and by `eval`.
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
 * fish has one command for it, called once for each thing that can be offered, with the condition under which it is:
 *
 *   complete -c filespool -n '__fish_seen_subcommand_from receive' -l out -x -a '(__fish_complete_directories)'
 *
 * The help of a flag is shown beside it while one chooses.
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

// The names are those that the table of commands offers as choices.
const SHELLS: Readonly<Record<string, (commands: readonly CommandFacts[]) => string>> = { bash, zsh, fish };

/** The script for a shell; the names of shells are checked where the command is read. */
export const completionScript = (shell: string, commands: Commands): string => SHELLS[shell]?.(factsOf(commands)) ?? "";
