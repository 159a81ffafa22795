/**
 * A quick yes to a message that is as its schema says: most are, and a server reads two of them for each small file.
 *
 * valibot makes a copy and some objects for each field, which is what it takes to say what is wrong and where. Before
 * that is asked for, one function for each field can say that nothing is: made once, from the very schema, so that there
 * are not two rules. Whatever it does not know (a field, a kind of rule) is no yes, and goes the long way. Why: adr/0053.
 *
 * Invariant: where `quickly` says yes, the schema takes the object and returns an equal one.
 */
import type * as v from "valibot";

type Test = (value: unknown) => boolean;
/** What valibot tells of a schema or of one step of a pipe; enough for the rules of fields.ts. */
interface Rule {
  readonly type: string;
  readonly requirement?: unknown;
  readonly pipe?: readonly Rule[];
  readonly wrapped?: Rule;
  readonly default?: unknown;
}

/** What each rule asks of a value that has passed those before it. */
const STEPS: Readonly<Record<string, (requirement: never) => Test>> = {
  // What a value is. NaN is a number to JavaScript, but JSON cannot write it.
  string: () => (value) => typeof value === "string",
  boolean: () => (value) => typeof value === "boolean",
  number: () => (value) => typeof value === "number" && !Number.isNaN(value),
  integer: () => Number.isInteger,
  safe_integer: () => Number.isSafeInteger,
  // How large it is, and how long: in characters, as valibot counts.
  min_value: (least: number) => (value) => (value as number) >= least,
  max_value: (most: number) => (value) => (value as number) <= most,
  max_length: (most: number) => (value) => (value as string).length <= most,
  // How it looks. None of our patterns is global or sticky, so testing one leaves nothing behind.
  regex: (pattern: RegExp) => (value) => pattern.test(value as string),
  check: (test: Test) => test,
};

/** The test of a field, or null where a rule is not known here. */
function testOf(rule: Rule): Test | null {
  // What stands in for an absent field, only the schema can put there.
  if (rule.type === "optional" && rule.wrapped && !rule.pipe)
    return rule.default === undefined ? testOf(rule.wrapped) : null;
  const tests = (rule.pipe ?? [rule]).map(({ type, requirement }) => STEPS[type]?.(requirement as never));
  if (tests.includes(undefined)) return null;
  return (value) => {
    for (const test of tests as Test[]) if (!test(value)) return false;
    return true;
  };
}

/**
 * Makes the function that says yes, or null where that cannot be said of a schema.
 * @param schema of an object @param known tests of fields whose absence, or other values, only the schema understands
 */
export function quickly(
  schema: v.ObjectSchema<v.ObjectEntries, undefined>,
  known: Readonly<Record<string, v.GenericSchema>> = {},
): ((body: object) => boolean) | null {
  const tests = new Map<string, Test>();
  const required: string[] = [];
  for (const [name, entry] of Object.entries(schema.entries) as [string, Rule][]) {
    const test = testOf((known[name] as Rule | undefined) ?? entry);
    if (!test) return null;
    tests.set(name, test);
    if (entry.type !== "optional" || Object.hasOwn(known, name)) required.push(name);
  }
  return (body) => {
    // Each field that is there has a rule and keeps it; where a name has no rule, somebody newer is talking.
    for (const name in body) {
      const test = tests.get(name);
      if (!test?.((body as Record<string, unknown>)[name])) return false;
    }
    // And each field that must be there is. An own "undefined" cannot come out of JSON.
    for (const name of required) if ((body as Record<string, unknown>)[name] === undefined) return false;
    return true;
  };
}
