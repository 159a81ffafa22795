import { expect, onTestFinished, test } from "vitest";
import { type Operator, operate } from "../../src/net/extensions/operate/operator.ts";
import { TokenGate } from "../../src/net/extensions/trust/token-gate.ts";
import { createToken } from "../../src/net/extensions/trust/tokens.ts";
import type { FilespoolError } from "../../src/protocol/errors.ts";
import { store } from "../spool/subject.ts";
import { idOf } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

type Rights = Parameters<typeof createToken>[1]["rights"];

/** A server with a file in "photos" and one in "secret", and the way to come with a token for some rights in "photos". */
async function guarded() {
  const work = new Workspace();
  const file = work.path("tokens.json");
  const token = async (rights: Rights) =>
    (await createToken(file, { name: "x", queues: ["photos"], rights, expiresAtMs: null }, Date.now())).token;
  const tokens = { manage: await token(["manage"]), send: await token(["send"]), collect: await token(["collect"]) };
  const { port, spool } = await work.serve({ gate: new TokenGate({ file }) });
  await store(spool, 1, 10, { queue: "photos" });
  await store(spool, 2, 10, { queue: "secret" });
  const come = async (right: keyof typeof tokens): Promise<Operator> => {
    const operator = await operate({ port, token: tokens[right] });
    onTestFinished(() => operator.close());
    return operator;
  };
  return { port, spool, come };
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const rows: T[] = [];
  for await (const row of list) rows.push(row);
  return rows;
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: FilespoolError) => error.code,
  );

test("the right to manage is of its queues: other queues are neither listed nor touched", async () => {
  const { come, spool } = await guarded();
  const operator = await come("manage");
  expect((await all(operator.queues())).map(({ queue }) => queue)).toEqual(["photos"]);
  expect(await all(operator.files("photos"))).toHaveLength(1);
  const forbidden = [
    all(operator.files("secret")),
    all(operator.dead("secret")),
    all(operator.uploads("secret")),
    operator.requeueAll("secret"),
    operator.purge("secret"),
  ];
  expect(await Promise.all(forbidden.map(codeOf))).toEqual(forbidden.map(() => "not-allowed"));
  expect(spool.waiting("secret")).toBe(1);
  expect(await operator.purge("photos")).toBe(1);
});

test("a transfer of another queue does not exist, and that queue is not named", async () => {
  const { come, spool } = await guarded();
  for (const right of ["manage", "send", "collect"] as const) {
    const operator = await come(right);
    expect((await operator.show(idOf(2))).state).toBe("unknown");
    for (const order of [operator.cancel(idOf(2)), operator.requeue(idOf(2))])
      expect(await codeOf(order)).toBe("transfer-unknown");
  }
  expect(spool.waiting("secret")).toBe(1);
});

test.each(["send", "collect"] as const)(
  "the right to %s is enough to ask about a transfer, and for nothing else",
  async (right) => {
    const { come, spool } = await guarded();
    const operator = await come(right);
    expect(await operator.show(idOf(1))).toMatchObject({ state: "waiting", queue: "photos" });
    expect((await operator.show(idOf(3))).state).toBe("unknown");
    expect(await all(operator.queues())).toEqual([]);
    const forbidden = [all(operator.files("photos")), operator.cancel(idOf(1)), operator.purge("photos")];
    expect(await Promise.all(forbidden.map(codeOf))).toEqual(["not-allowed", "not-allowed", "not-allowed"]);
    expect(spool.waiting("photos")).toBe(1);
  },
);

test("without a token nobody operates a server that asks for one", async () => {
  const { port } = await guarded();
  expect(await codeOf(operate({ port }))).toBe("token-refused");
});
