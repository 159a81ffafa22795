/**
 * Fast validation: a quick yes to a message that is as its schema says.
 *
 * Most messages are, and a server reads two of them for each small file. valibot makes a copy and
 * some objects for every field, which it needs in order to say what is wrong and where. One
 * function for each field can say that nothing is wrong, before anybody asks for more. Those
 * functions are made once, from the schema itself, so there are not two rules. Whatever they do not
 * know, a field or a kind of rule, gets no quick yes, and goes to the schema. Why: adr/0053.
 *
 * Invariant: where a quick test says yes, the schema accepts the object, and returns an equal one.
 */
import type * as v from "valibot";

/** Whether a value keeps one rule. */
type Test = (value: unknown) => boolean;
/**
 * What valibot tells of a schema, or of one step of a pipe. It is enough for the rules of
 * fields.ts.
 */
interface Rule {
  readonly type: string;
  readonly requirement?: unknown;
  readonly pipe?: readonly Rule[];
  readonly wrapped?: Rule;
  readonly default?: unknown;
}

/** By the name of a rule in valibot, its test for a value that has passed the rules before. */
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

/** The test of a field, or null when one of its rules is not known here. */
function testOf(rule: Rule): Test | null {
  // A field with a default needs the schema, which puts the default in.
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
 * Makes the quick test of a schema.
 * @param schema of an object
 * @param known for fields that only the schema understands in full: a narrower rule for their usual
 * values. Such a field must be there
 * @returns null when a rule of the schema is not known here
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
    // Each field that is there has a rule and keeps it. A name without a rule comes from a newer
    // version, and only the schema can drop it.
    for (const name in body) {
      const test = tests.get(name);
      if (!test?.((body as Record<string, unknown>)[name])) return false;
    }
    // And each field that must be there is there. JSON has no "undefined" that could be its value.
    for (const name of required) if ((body as Record<string, unknown>)[name] === undefined) return false;
    return true;
  };
}
