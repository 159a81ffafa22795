import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/cli/exit-codes.ts";
import { COMMAND_NAMES, type Command } from "../../src/cli/settings/command-names.ts";
import { type ConfigFile, closest } from "../../src/cli/settings/config-file.ts";
import { isGiven, withAnswer } from "../../src/cli/settings/origins.ts";
import { resolve } from "../../src/cli/settings/resolve.ts";
import {
  SETTINGS,
  type SettingName,
  settingOf,
  settingsOn,
  shownFallback,
  variableOf,
} from "../../src/cli/settings/settings.ts";

const file = (values: Record<string, unknown>): ConfigFile => ({ path: "filespool.config.json", values });
const said = (parts: { flags?: Record<string, string | true>; env?: Record<string, string>; file?: ConfigFile }) => ({
  flags: {},
  env: {},
  file: null,
  ...parts,
});
const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
};

describe("which value a setting has", () => {
  test("a flag beats a variable, which beats the file, which beats the default", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.boolean(), (hasFlag, hasVariable, hasFile) => {
        const settings = resolve(
          "send",
          said({
            flags: hasFlag ? { port: "1" } : {},
            env: hasVariable ? { FILESPOOL_PORT: "2" } : {},
            ...(hasFile && { file: file({ port: 3 }) }),
          }),
        );
        expect(settings.values.port).toBe(hasFlag ? 1 : hasVariable ? 2 : hasFile ? 3 : 5011);
        expect(isGiven(settings, "port")).toBe(hasFlag || hasVariable || hasFile);
      }),
    );
  });

  test("the defaults are those of the blueprint, and each default is a value that is accepted", () => {
    const { values } = resolve("serve", said({}));
    expect(values).toMatchObject({
      host: "localhost",
      port: 5011,
      spool: "./spool",
      durability: "fsync",
      queue: "default",
    });
    expect(values).toMatchObject({ out: ".", "if-exists": "refuse", count: undefined, wait: undefined, follow: false });
    for (const name of Object.keys(SETTINGS) as SettingName[]) {
      const { fallback, parse, show } = settingOf(name);
      if (fallback !== undefined) expect(parse(show(fallback)), name).toBe(fallback);
    }
  });

  test("an empty variable is one that is not set", () => {
    expect(resolve("send", said({ env: { FILESPOOL_HOST: "" } })).values.host).toBe("localhost");
  });

  test("a switch can be set by every source, and switched off by the weaker ones", () => {
    expect(resolve("send", said({ flags: { json: true } })).values.json).toBe(true);
    expect(resolve("send", said({ env: { FILESPOOL_JSON: "1" } })).values.json).toBe(true);
    expect(resolve("send", said({ env: { FILESPOOL_JSON: "No" }, file: file({ json: true }) })).values.json).toBe(
      false,
    );
    expect(resolve("send", said({ file: file({ json: true }) })).values.json).toBe(true);
  });

  test("settings of other commands are left alone, in variables and files", () => {
    expect(
      resolve("send", said({ env: { FILESPOOL_OUT: "x" }, file: file({ "max-connections": 0 }) })).values.out,
    ).toBe(".");
  });

  test("an answer at a prompt replaces the value and counts as given", () => {
    const settings = withAnswer(resolve("serve", said({})), "port", 7);
    expect([settings.values.port, isGiven(settings, "port")]).toEqual([7, true]);
  });
});

describe("a value that is not accepted", () => {
  test.each<[Command, Parameters<typeof said>[0], string]>([
    ["serve", { flags: { port: "99999" } }, '--port does not accept "99999": it takes a whole number from 0 to 65535'],
    ["send", { flags: { port: "0" } }, '--port does not accept "0": it takes a whole number from 1 to 65535'],
    [
      "send",
      { env: { FILESPOOL_BUFFER_SIZE: "64K" } },
      'FILESPOOL_BUFFER_SIZE does not accept "64K": it takes a size from 1KiB to 4MiB, such as 64KiB, 1MiB or 1000000',
    ],
    [
      "serve",
      { flags: { "buffer-size": "1" } },
      '--buffer-size does not accept "1": it takes a size from 1KiB to 4MiB',
    ],
    [
      "serve",
      { file: file({ port: [] }) },
      '"port" in filespool.config.json does not accept []: it takes a whole number',
    ],
    [
      "serve",
      { file: file({ host: null }) },
      '"host" in filespool.config.json does not accept null: it takes a host name',
    ],
    ["serve", { flags: { durability: "some" } }, '--durability does not accept "some": it takes fsync or none'],
    [
      "receive",
      { flags: { "if-exists": "x" } },
      '--if-exists does not accept "x": it takes refuse, rename, overwrite or skip',
    ],
    ["receive", { flags: { wait: "30" } }, '--wait does not accept "30": it takes a duration from 0s to 3650d'],
    ["serve", { flags: { "file-ttl": "x" } }, '--file-ttl does not accept "x": it takes a duration from 1s to 3650d'],
    ["receive", { flags: { count: "0" } }, '--count does not accept "0": it takes a whole number of at least 1'],
    [
      "serve",
      { flags: { "max-file-size": "0" } },
      '--max-file-size does not accept "0": it takes a size of at least 1',
    ],
    ["send", { flags: { queue: "../x" } }, '--queue does not accept "../x": it takes a queue name'],
    ["send", { flags: { host: "a b" } }, '--host does not accept "a b": it takes a host name or an IP address'],
    ["send", { env: { FILESPOOL_QUIET: "maybe" } }, 'FILESPOOL_QUIET does not accept "maybe": it takes true or false'],
    ["receive", { flags: { out: "" } }, '--out does not accept "": it takes the path of a folder'],
  ])("%s %j is told with its place, its value and what is accepted", (command, parts, sentence) => {
    expect(messageOf(() => resolve(command, said(parts)))).toContain(sentence);
  });

  test("words in place of a number: unlimited, never", () => {
    const { values } = resolve("serve", said({ flags: { "max-spool-size": "Unlimited", "file-ttl": "never" } }));
    expect([values["max-spool-size"], values["file-ttl"]]).toEqual([Infinity, Infinity]);
    expect([shownFallback("max-spool-size"), shownFallback("file-ttl"), shownFallback("json")]).toEqual([
      "unlimited",
      "never",
      null,
    ]);
  });
});

describe("follow never ends, so it excludes what ends a run", () => {
  test("count and wait go together", () => {
    const { values } = resolve("receive", said({ flags: { count: "2", wait: "5s" } }));
    expect([values.count, values.wait, values.follow]).toEqual([2, 5000, false]);
  });

  test.each(["count", "wait"])("follow and %s from equally strong sources are an error that names both", (name) => {
    const sentence = messageOf(() =>
      resolve("receive", said({ flags: { follow: true, [name]: name === "wait" ? "1s" : "1" } })),
    );
    expect(sentence).toBe(`--follow and --${name} exclude each other: --follow never ends; leave one of them out`);
  });

  test("of two sources the stronger one wins", () => {
    const weaker = said({ flags: { follow: true }, env: { FILESPOOL_COUNT: "3" } });
    expect(resolve("receive", weaker).values).toMatchObject({ follow: true, count: undefined });
    const stronger = said({ flags: { count: "3" }, env: { FILESPOOL_FOLLOW: "1" } });
    expect(resolve("receive", stronger).values).toMatchObject({ follow: false, count: 3 });
  });
});

test("the closest word is found whatever single letter is lost, doubled or changed", () => {
  const names = Object.keys(SETTINGS);
  // One that is another with a letter more may as well be meant as that other.
  const isAlone = (name: string) =>
    !names.includes(name.slice(0, -1)) && !names.some((other) => other.slice(0, -1) === name);
  fc.assert(
    fc.property(
      fc.constantFrom(...names.filter((name) => name.length > 5 && isAlone(name))),
      fc.nat(),
      fc.nat(2),
      (name, seed, kind) => {
        const at = seed % name.length;
        const typo = name.slice(0, at) + ["", name[at]?.repeat(2), "x"][kind] + name.slice(at + 1);
        expect(closest(typo, names)).toBe(name);
      },
    ),
  );
  expect(closest("follows", names)).toBe("follow");
  expect(closest("", names)).toBeNull();
});

test("every setting has one name: flag, variable and key are spellings of it", () => {
  expect(variableOf("buffer-size")).toBe("FILESPOOL_BUFFER_SIZE");
  for (const command of COMMAND_NAMES) {
    for (const name of settingsOn(command)) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  }
});
