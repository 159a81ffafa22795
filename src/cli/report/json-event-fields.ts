/**
 * The building blocks of the two tables of events: json-events.ts and json-events-operate.ts.
 *
 * A field has a description only if its name is not clear. Numbers are integers. Rows are strict: a test with real runs finds
 * fields that have no description.
 */
import * as v from "valibot";
import { ERRORS, type ErrorCode } from "../../protocol/errors.ts";

export const text = v.string();
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const flag = v.boolean();
/** A code from the closed table of errors, on which programs may depend. */
export const code = v.picklist(Object.keys(ERRORS) as ErrorCode[]);

/** One row: a strict object, the name of its event, and a sentence. */
export const row = <const N extends string, F extends v.ObjectEntries>(event: N, sentence: string, fields: F) =>
  v.pipe(v.strictObject({ event: v.literal(event), ...fields }), v.description(sentence));
