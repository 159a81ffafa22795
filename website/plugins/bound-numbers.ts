/**
 * Remark plugin: a number in prose is a key, not digits.
 *
 *     `bench:small.json#targets[name=send connected].samples.send | median | ms`      99 ms
 *     `bench:large.json#cases[key=own/256KiB].samples[].ms | median | over cases[key=peer/socat].samples[].ms`
 *     `limit:bufferBytesDefault`                                                     1 MiB
 *     `setting:drain`                                                                8s
 *     `exit:integrity`                                                               6
 *
 * `bench:` reads benchmarks/results, `limit:` the limits of the code, `setting:` the default of a flag, `exit:` an exit
 * code by its kind; in a block of code (a diagram, say) all but the first stand in braces, `{limit:syncBytes}`. A path steps by `.name`, `[3]`, `[field=value]`
 * (the one element that has it) and `[]` (all of them). Behind bars: median, min, max, count make one number of many;
 * `over PATH` divides by the median of another path; ms, seconds, bytes, rounded, percent and date write it. A file, key
 * or word that does not exist fails the build, so a run that was left out cannot leave its old number in a sentence.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Code, InlineCode, Parent, Root, Text } from "mdast";
import { visit } from "unist-util-visit";
import type { VFile } from "vfile";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { SETTING_NAMES, type SettingName, shownFallback } from "../../src/cli/settings/settings.ts";
import { SYNC_BYTES, SYNC_MS } from "../../src/disk/batch-writer.ts";
import { QUEUES_SHOWN } from "../../src/net/extensions/observe/fullest-queues.ts";
import { FAILURES_MAX, FORGIVE_MS } from "../../src/net/extensions/trust/token-gate.ts";
import { HEADER_BYTES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { SPOOL_LIMITS } from "../../src/spool/contract.ts";
import { RESERVE_BYTES } from "../../src/spool/local/disk-reserve.ts";
import { median } from "./median.ts";
import { pathInRepository, repositoryFolder } from "./repository.ts";
import { bytes, limit, rounded } from "./units.ts";

const REFERENCE = /^(?<kind>bench|limit|setting|exit):(?<rest>\S.*)$/;
const IN_BLOCK = /\{(?<reference>(?:limit|setting|exit):[\w-]+)\}/g;
const STEP = /\.?(?<name>[^.[\]]+)|\[(?<inside>[^\]]*)\]/y;

/** Walks one path. @throws where a step finds nothing */
export function valueAt(root: unknown, path: string): unknown {
  let values: unknown[] = [root];
  let isMany = false;
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const at = STEP.lastIndex;
    const step = STEP.exec(path);
    if (step === null) throw new Error(`"${path}" cannot be read from "${path.slice(at)}" on`);
    const { name, inside } = step.groups as { name?: string; inside?: string };
    if (inside === "") isMany = true;
    values = values.flatMap((value) => {
      const next = take(value, name, inside);
      if (next === undefined) throw new Error(`"${path}" leads nowhere: there is no ${step[0]}`);
      return inside === "" ? (next as unknown[]) : [next];
    });
  }
  return isMany ? values : values[0];
}

function take(value: unknown, name: string | undefined, inside: string | undefined): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (name !== undefined) return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  if (!Array.isArray(value) || inside === undefined) return undefined;
  if (inside === "") return value;
  const [field, wanted] = inside.split(/=(.*)/s);
  if (wanted === undefined) return value[Number(inside)];
  const found = value.filter((each) => String(each[field as string]) === wanted);
  return found.length === 1 ? found[0] : undefined;
}

const numbers = (value: unknown): number[] => {
  const list = Array.isArray(value) ? value : [value];
  if (!list.every((each) => typeof each === "number")) throw new Error("there are no numbers there");
  return list;
};
const number = (value: unknown): number => {
  if (typeof value !== "number")
    throw new Error("there is no number there; median, min, max or count make one of many");
  return value;
};

const WORDS: Readonly<Record<string, (value: unknown) => unknown>> = {
  median: (value) => median(numbers(value)),
  min: (value) => Math.min(...numbers(value)),
  max: (value) => Math.max(...numbers(value)),
  count: (value) => (value as unknown[]).length,
  ms: (value) => `${rounded(number(value))} ms`,
  seconds: (value) => `${rounded(number(value) / 1000)} s`,
  bytes: (value) => bytes(number(value)),
  rounded: (value) => rounded(number(value)),
  percent: (value) => `${Math.round(number(value) * 100)} %`,
  date: (value) => String(value).slice(0, 10),
};

/** The text that a reference stands for; null for a text that is none. */
export function resolveReference(text: string): string | null {
  const groups = REFERENCE.exec(text)?.groups;
  if (groups === undefined) return null;
  const rest = groups.rest as string;
  return (RESOLVERS[groups.kind as string] as (rest: string) => string)(rest);
}

const RESOLVERS: Readonly<Record<string, (rest: string) => string>> = {
  limit: limitText,
  bench: benchText,
  setting(name) {
    const text = SETTING_NAMES.includes(name as SettingName) ? shownFallback(name as SettingName) : null;
    if (text === null) throw new Error(`there is no setting ${name} with a default`);
    return text;
  },
  exit(kind) {
    if (!Object.hasOwn(EXIT, kind)) throw new Error(`there is no exit code for ${kind}`);
    return String(EXIT[kind as keyof typeof EXIT]);
  },
};

function limitText(name: string): string {
  const all: Record<string, unknown> = {
    ...SPOOL_LIMITS,
    ...LIMITS,
    headerBytes: HEADER_BYTES,
    syncBytes: SYNC_BYTES,
    syncMs: SYNC_MS,
    reserveBytes: RESERVE_BYTES,
    queuesShown: QUEUES_SHOWN,
    refusalsMax: FAILURES_MAX,
    forgiveMs: FORGIVE_MS,
  };
  if (!Object.hasOwn(all, name)) throw new Error(`there is no limit ${name}`);
  return limit(name, all[name]);
}

function benchText(rest: string): string {
  const [address = "", ...words] = rest.split("|").map((part) => part.trim());
  const [name = "", path = ""] = address.split(/#(.*)/s);
  if (!/^[\w-]+\.json$/.test(name)) throw new Error(`"${name}" is not the name of a file of results`);
  const results: unknown = JSON.parse(readFileSync(resolve(repositoryFolder, "benchmarks/results", name), "utf8"));
  let value = valueAt(results, path);
  for (const word of words) {
    const divisor = /^over (?<path>.+)$/.exec(word)?.groups?.path;
    const step = WORDS[word];
    if (divisor !== undefined) value = number(value) / median(numbers(valueAt(results, divisor)));
    else if (step !== undefined) value = step(value);
    else throw new Error(`"${word}" is none of over, ${Object.keys(WORDS).join(", ")}`);
  }
  if (typeof value === "object") throw new Error("that is not one value");
  return typeof value === "number" ? rounded(value) : String(value);
}

const located = (page: VFile, { position }: Code | InlineCode | Text, text: string, error: unknown): Error =>
  new Error(`${pathInRepository(page.path)}:${position?.start.line ?? 0}: ${text}: ${(error as Error).message}`);

export function boundNumbers() {
  return (tree: Root, page: VFile): void => {
    visit(tree, "inlineCode", (code: InlineCode, index, parent?: Parent) => {
      if (parent === undefined || index === undefined) return;
      try {
        const text = resolveReference(code.value);
        if (text === null) return;
        parent.children[index] = {
          type: "emphasis",
          data: { hName: "span", hProperties: { className: ["bound-number"], title: code.value } },
          children: [{ type: "text", value: text }],
        };
      } catch (error) {
        throw located(page, code, code.value, error);
      }
    });
    // Braces are for blocks of code. In prose they would be printed as they stand.
    visit(tree, "text", (text: Text) => {
      const found = text.value.match(IN_BLOCK)?.[0];
      if (found) throw located(page, text, found, new Error("in prose it stands between ticks"));
    });
    visit(tree, "code", (code: Code) => {
      code.value = code.value.replace(IN_BLOCK, (all, reference: string) => {
        try {
          return resolveReference(reference) ?? all;
        } catch (error) {
          throw located(page, code, all, error);
        }
      });
    });
  };
}
