/** What a server can reach of a local store: the contract, and nothing else. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openParts } from "../../src/spool/local/parts.ts";
import { LocalStore } from "../../src/spool/local/store.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { inTempFolder } from "./subject.ts";

/** The names of the members of an interface, read from its source. */
function membersOf(name: string): string[] {
  const source = readFileSync(join(import.meta.dirname, "../../src/spool/contract.ts"), "utf8");
  const [, body = ""] = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(source) ?? [];
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, member]) => member as string).sort();
}

const publicOf = (object: object): string[] => {
  const prototype = Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter((name) => name !== "constructor");
  return [...Object.keys(object), ...prototype].sort();
};

test("the public members of a local store are those of the contract", () =>
  inTempFolder(async (folder) => {
    const contract = membersOf("Spool");
    expect(contract).toContain("lease");
    const store = new LocalStore(await openParts({ folder }));
    expect(publicOf(store)).toEqual(contract);
    await store.close();
    // The spool that operators can look into adds one: it inherits all others.
    const spool = await LocalSpool.open({ folder });
    expect(Object.keys(spool).filter((name) => !contract.includes(name))).toEqual(["operate"]);
    expect(publicOf(Object.getPrototypeOf(spool))).toEqual(
      contract.filter((name) => !Object.keys(spool).includes(name)),
    );
    await spool.close();
  }));
