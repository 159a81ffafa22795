/**
 * Laws: sentences that must hold for a program, each with a function that tries it.
 *
 * A law holds when its function returns. It is broken when the function calls `broken` with a sentence, when the program
 * throws, or when nothing happens any more. A deadline only ends a law that waits for ever; none waits for a clock.
 */
export type Laws = Readonly<Record<string, () => Promise<void> | void>>;

/** The reader's modules, by the names of their files. A page loads only those that it tries. */
export interface Modules {
  readonly connection: typeof import("../../../minimal/connection.ts");
  readonly "growing-file": typeof import("../../../minimal/growing-file.ts");
  readonly queues: typeof import("../../../minimal/queues.ts");
  readonly server: typeof import("../../../minimal/server.ts");
  readonly send: typeof import("../../../minimal/send.ts");
  readonly receive: typeof import("../../../minimal/receive.ts");
}
export type Load = <Name extends keyof Modules>(name: Name) => Promise<Modules[Name]>;

const DEADLINE_MS = 20_000;

class Broken extends Error {}

/** Ends a law with what was seen. */
export function broken(seen: string): never {
  throw new Broken(seen);
}

export function expect(holds: boolean, seen: string): asserts holds {
  if (!holds) broken(seen);
}

/** What a program threw, or null. A law that wants an error asks for it here. */
export async function thrownBy(work: () => unknown): Promise<Error | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof Broken) throw error;
    return error as Error;
  }
}

/** Whether a gap threw it, and not a program that does something wrong. */
const isGap = (error: unknown): boolean => / is yours to write$/.test((error as Error | null)?.message ?? "");

/** The code of the error, or what else happened. */
export async function codeOf(work: () => unknown): Promise<string> {
  const error = await thrownBy(work);
  if (isGap(error)) throw error;
  return error === null ? "no error" : ((error as { code?: string }).code ?? `${error}`);
}

/** What was thrown where nobody listens, while a law was tried. */
const unheard = new Map<Promise<unknown>, unknown>();
process.on("unhandledRejection", (error, promise) => unheard.set(promise, error));
process.on("rejectionHandled", (promise) => unheard.delete(promise));
/** A law that was broken leaves work behind, and what that throws later is not the fault of the next law. */
let isDisturbed = false;

/** What is wrong with a law, or null when it holds. */
export async function tryLaw(law: () => Promise<void> | void): Promise<string | null> {
  unheard.clear();
  const problem = await problemOf(law);
  const [error] = unheard.values();
  const alone = error === undefined || isDisturbed ? null : `it threw where nobody listens: ${error}`;
  if (problem !== null) isDisturbed = true;
  return problem ?? alone;
}

async function problemOf(law: () => Promise<void> | void): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Broken("it waited for something that never came")), DEADLINE_MS);
    });
    await Promise.race([law(), late]);
    return null;
  } catch (error) {
    if (error instanceof Broken) return error.message;
    return isGap(error) ? (error as Error).message : `it threw ${error}`;
  } finally {
    clearTimeout(timer);
  }
}
