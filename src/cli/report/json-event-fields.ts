/**
 * What the rows of the two tables of events are made of: json-events.ts and json-events-operate.ts.
 *
 * A description is for what the name of a field does not say; numbers are whole, and bytes are bytes. Rows are strict: a
 * field that nobody described is a fault, which a test with real runs finds.
 */
import * as v from "valibot";
import { ERRORS, type ErrorCode } from "../../protocol/errors.ts";

export const text = v.string();
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const flag = v.boolean();
/** The closed table of errors: a program may decide by it. */
export const code = v.picklist(Object.keys(ERRORS) as ErrorCode[]);

/** One row: a strict object with its name and its sentence. */
export const row = <const N extends string, F extends v.ObjectEntries>(event: N, sentence: string, fields: F) =>
  v.pipe(v.strictObject({ event: v.literal(event), ...fields }), v.description(sentence));
