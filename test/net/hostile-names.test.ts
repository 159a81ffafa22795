import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { serveLies } from "../support/hostile-server.ts";
import { idOf, RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const REFUSED = [
  ...["", ".", "..", "/", "a/b", "../x", "../../etc/passwd", "/etc/passwd", "a/../../x", "./x", "x/", "a\0b", "\0"],
  ...[
    "\ud800",
    "a\udfff",
    "x".repeat(256),
    "\u00e9".repeat(128),
    `con.${"x".repeat(251)}`,
    `${"\u212b".repeat(100)}${"\u0344".repeat(100)}`,
  ],
];
/** What is wanted on the wire, and what must be in the folder. */
const NEUTRALISED: readonly (readonly [string, string])[] = [
  ["..\\..\\x", "_.._.._x"],
  ["C:\\x", "C__x"],
  ["c:x", "c_x"],
  ["\\\\server\\share", "__server_share"],
  ["a\nb\rc\td", "a_b_c_d"],
  ["\u001b[2J\u001b]0;owned\u0007", "_[2J_]0;owned_"],
  ["\u202egpj.exe", "_gpj.exe"],
  ["\ufeffbom", "_bom"],
  ["trailing. . ", "trailing____"],
  ["...", "___"],
  ["con", "_con"],
  ["LPT1.txt", "_LPT1.txt"],
  [".filespool-landed-0", "_.filespool-landed-0"],
  [`.FileSpool-${idOf(1)}.part`, `_.FileSpool-${idOf(1)}.part`],
  ["e\u0301", "\u00e9"],
  ["-rf", "-rf"],
  ["$(reboot) `x` ; & | * ?", "$(reboot) `x` ; & | * ?"],
];

describe("a hostile server cannot make a receiver write anywhere but into its folder", () => {
  test.each(REFUSED.map((name) => [JSON.stringify(name), name]))(
    "with the name %s, which is refused",
    async (_, name) => {
      const work = new Workspace();
      // One that fits the frame but not the schema is a broken protocol; the rest fail by themselves.
      const { port } = await serveLies([
        { name, bytes: Buffer.from("evil") },
        { name: "good", bytes: Buffer.from("good") },
      ]);
      const receiver = work.receive({ port, ifExists: "overwrite", retryMs: 0 });
      const outcome = await receiver.done.catch((error: { code: string }) => error.code);
      if (name.length > 255) expect(outcome).toBe("message-invalid");
      else expect(outcome).toMatchObject({ landed: 1, failures: [{ code: "name-refused" }] });
      expect(work.list()).toEqual(name.length > 255 ? [] : ["good"]);
      expect(readdirSync(work.folder)).toEqual(["out"]);
    },
  );

  test.each(NEUTRALISED.map(([wire, local]) => [JSON.stringify(wire), wire, local]))(
    "with the name %s, which becomes a harmless one",
    async (_, wire, local) => {
      const work = new Workspace();
      const { port, verdicts } = await serveLies([{ name: wire, bytes: Buffer.from("tame") }]);
      const receiver = work.receive({ port });
      expect(await receiver.done).toMatchObject({ landed: 1, failures: [] });
      expect(receiver.events.all("landed").map(({ path }) => path)).toEqual([work.path("out", local)]);
      expect(work.list()).toEqual([local]);
      expect(readdirSync(work.folder)).toEqual(["out"]);
      expect(verdicts).toMatchObject([{ type: "ack" }]);
    },
  );

  test("with names that are one after the rules were applied: the second is a name that is taken", async () => {
    const work = new Workspace();
    const { port } = await serveLies(["a\\b", "a_b", "a\nb"].map((name) => ({ name, bytes: Buffer.from(name) })));
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1, failures: [{}, {}] });
    expect([work.list(), work.read("out", "a_b").toString()]).toEqual([["a_b"], "a\\b"]);
  });

  test("with a transfer id that is no id", async () => {
    const work = new Workspace();
    for (const transfer of ["../../../../tmp/x", "x", idOf(1).toUpperCase().replaceAll("0", "A")]) {
      const { port } = await serveLies([{ transfer, bytes: Buffer.from("evil") }]);
      await expect(work.receive({ port, retryMs: 0 }).done).rejects.toMatchObject({ code: "message-invalid" });
    }
    expect([work.list(), readdirSync(work.folder)]).toEqual([[], ["out"]]);
  });
});

test("a hostile sender hears at once that a name is refused, and the server keeps nothing of it", async () => {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const sender = await RawPeer.connect(port);
  await sender.greet("sender");
  const offer = { type: "offer", queue: "default", size: 4, algorithm: "sha256", wait: false } as const;
  for (const [at, name] of REFUSED.filter((name) => name.length <= 255).entries()) {
    sender.send({ ...offer, transfer: idOf(at), name }).sendData(0, Buffer.from("evil"));
    expect(await sender.until("refuse"), name).toMatchObject({ about: idOf(at), code: "name-refused" });
  }
  expect([spool.bytesUsed(), spool.waiting("default"), work.list("spool/data")]).toEqual([0, 0, []]);
});
