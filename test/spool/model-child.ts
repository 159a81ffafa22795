/**
 * A process that does to a spool what its parent asks, until it is killed: the real end of the model test.
 *
 * Each message is one call: what to call, on what, with what, and the time it is. Calls run beside each other, as they
 * would in a server; each is answered under its number, and what an upload reports goes to the parent as it happens.
 */
import type { FilespoolError } from "../../src/protocol/errors.ts";
import type { Spool, Upload } from "../../src/spool/contract.ts";
import { LocalSpool, type LocalSpoolOptions } from "../../src/spool/local-spool.ts";

export interface Call {
  readonly number: number;
  /** A method of the spool, of the upload that was made by the call `upload`, or "open". */
  readonly method: string;
  readonly upload?: number;
  readonly values: readonly unknown[];
  readonly nowMs: number;
}

export type Answer =
  | { readonly number: number; readonly value: unknown }
  | { readonly number: number; readonly failure: Pick<FilespoolError, "code" | "message"> }
  | { readonly upload: number; readonly durable: number };

let nowMs = 0;
let spool: Spool;
const uploads = new Map<number, Upload>();
const tell = (answer: Answer) => process.send?.(answer);

async function run({ number, method, upload, values }: Call): Promise<unknown> {
  if (method === "open") {
    uploads.clear();
    spool = await LocalSpool.open({ ...(values[0] as LocalSpoolOptions), now: () => nowMs });
    return undefined;
  }
  const target = upload === undefined ? spool : (uploads.get(upload) as Upload);
  if (method === "offer") {
    const onDurable = (durable: number) => void tell({ upload: number, durable });
    const answer = await spool.offer(values[0] as never, { onDurable, onSuperseded: () => {} });
    if (answer.kind === "stored") return answer;
    uploads.set(number, answer.upload);
    return { kind: "upload", offset: answer.upload.offset };
  }
  if (method === "read") {
    const into = new Uint8Array(values[2] as number);
    const bytes = await spool.read(values[0] as string, values[1] as number, into);
    return into.subarray(0, bytes);
  }
  return (target as unknown as Record<string, (...values: unknown[]) => unknown>)[method]?.(...values);
}

process.on("message", async (call: Call) => {
  nowMs = call.nowMs;
  const { number } = call;
  try {
    tell({ number, value: await run(call) });
  } catch (error) {
    const { code, message } = error as FilespoolError;
    tell({ number, failure: { code, message } });
  }
});
process.on("disconnect", () => process.exit());
