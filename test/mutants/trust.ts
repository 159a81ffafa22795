/** Faults about what is believed: settings, names that somebody obeys, places of our own. Planted like all others (table.ts). */
import type { Mutant } from "./found.ts";

const landingNames = "test/net/landing-names.test.ts";
const configFile = "test/cli/config-file.test.ts";

export const TRUST: readonly Mutant[] = [
  {
    name: "a config file in the working folder is read again",
    ...{
      file: "src/cli/settings/config-file.ts",
      from: "for (const path of configPlaces(env)) {",
      to: "for (const path of [join(folder, CONFIG_NAME), ...configPlaces(env)]) {",
    },
    noticedBy: configFile,
  },
  {
    name: "a relative XDG_CONFIG_HOME leads into the working folder",
    ...{
      file: "src/cli/settings/base-directories.ts",
      from: "if (named !== undefined && isAbsolute(named)) return named;",
      to: "if (named) return named;",
    },
    noticedBy: configFile,
  },
  {
    name: "the folders before that of a config file are not looked at",
    ...{
      file: "src/cli/settings/own-files.ts",
      from: "for (const { folder, name, stat } of steps) {",
      to: "for (const { folder, name, stat } of steps.slice(-2)) {",
    },
    noticedBy: configFile,
  },
  {
    name: "a link counts as ours, whoever made it",
    ...{
      file: "src/cli/settings/own-files.ts",
      from: "if (stat === null || stat.isFile()) continue;",
      to: "if (stat === null || !stat.isDirectory()) continue;",
    },
    noticedBy: configFile,
  },
  {
    name: "the file that was opened is not judged",
    ...{
      file: "src/cli/settings/own-files.ts",
      from: 'const why = whyNotOurs(path, found, "it");',
      to: "const why = null;",
    },
    noticedBy: configFile,
  },
  {
    name: "a received file may be called as a config file of ours in other letters",
    ...{
      file: "src/protocol/names.ts",
      from: "folded.startsWith(OWN_PREFIX) || isConfigName(folded)",
      to: "folded.startsWith(OWN_PREFIX) || name === CONFIG_NAME",
    },
    noticedBy: "test/protocol/names.test.ts",
  },
  {
    name: "a folder around a place of ours may land",
    ...{ file: "src/net/receiver/landing-names.ts", from: "of steps)\n", to: "of steps.slice(-1))\n" },
    noticedBy: landingNames,
  },
  {
    name: "a numbered name may be a place of ours",
    ...{ file: "src/net/receiver/landing.ts", from: "if (this.names.mayUse(candidate) && claim", to: "if (claim" },
    noticedBy: landingNames,
  },
  {
    name: "files may land below a place of ours",
    ...{ file: "src/net/receiver/landing-names.ts", from: "|| isBelow(target, real);", to: ";" },
    noticedBy: landingNames,
  },
  {
    name: "the note of a hook has the sender's name for a file, and not its own here",
    ...{ file: "src/net/extensions/hook/hook-record.ts", from: "name: this.#names.nameOf(name), ino", to: "name, ino" },
    noticedBy: "test/e2e/hook-names.test.ts",
  },
  {
    name: "what is started inherits our secrets",
    ...{ file: "src/cli/commands/receive-exec.ts", from: "!SECRETS.has(name)", to: "name !== undefined" },
    noticedBy: "test/e2e/hook-names.test.ts",
  },
  {
    name: "the path that a hook gets is the one that was typed",
    ...{ file: "src/net/options.ts", from: "out: resolve(options.out) };", to: "out: options.out };" },
    noticedBy: "test/e2e/hook-names.test.ts",
  },
  {
    name: "a received spool is believed",
    ...{
      file: "src/cli/credentials/own-spool.ts",
      from: "names.length === 0 || names.includes(SPOOL_MARK)) return;\n  throw",
      to: "names.length >= 0) return;\n  throw",
    },
    noticedBy: "test/e2e/received-settings.test.ts",
  },
  {
    name: "a queue may look like another",
    ...{ file: "src/net/server/upload-session.ts", from: "        checkQueue(queue);\n", to: "" },
    noticedBy: "test/e2e/queue-names.test.ts",
  },
  {
    name: "a receiver may not empty a queue that looks like another",
    ...{ file: "src/cli/settings/settings.ts", from: "      receive: oldQueue,\n", to: "" },
    noticedBy: "test/e2e/queue-names.test.ts",
  },
];
