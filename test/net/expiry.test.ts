/** What a server tells of a sweep: each file whose time was over, also when something else in the same sweep failed. */
import { expect, test } from "vitest";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { SWEEP_MAX } from "../../src/spool/contract.ts";
import { Workspace } from "../support/workspace.ts";

test("what expires is told file by file, and so is what could not be done", async () => {
  const work = new Workspace();
  const clock = { nowMs: 1_700_000_000_000 };
  const limits = { fileTtlMs: 60_000, leaseMs: 1e9 };
  const server = await work.serve({ spool: { limits, now: () => clock.nowMs } });
  const { spool, events, port } = server;
  await work.send({ port, queue: "letters", files: [work.write("a.txt", "abc")] }).done;
  await work.send({ port, queue: "held", files: [work.write("b.txt", "b")] }).done;
  await spool.lease("held");
  const { update } = spool.index;
  spool.index.update = (...values) =>
    values[0].name === "b.txt" ? Promise.reject(new FilespoolError("disk-full")) : update.apply(spool.index, values);
  clock.nowMs += 1e9 + 1; // both at once: the lease of one, and the time of the other
  expect(await events.waitFor("expired")).toMatchObject({
    ...{ queue: "letters", name: "a.txt", size: 3, what: "file", ageMs: 1e9 + 1, dead: false },
  });
  expect(await events.waitFor("error")).toMatchObject({ code: "disk-full" });
});

test("a server sweeps on at once when there is more, and waits for its second when there is not", async () => {
  const work = new Workspace();
  const server = await work.serve();
  const { spool } = server;
  const nothing = await spool.sweep();
  /** In the turn of the event loop in which a sweep ended: how many there were in it. */
  let inTurn = 0;
  const followed = (isMore: boolean, count: number): Promise<void> =>
    new Promise((resolve) => {
      spool.sweep = async () => {
        if (inTurn++ === 0)
          setImmediate(() => {
            if (inTurn === count) resolve();
            inTurn = 0;
          });
        return { ...nothing, isMore: isMore && inTurn < 4, tombstones: SWEEP_MAX };
      };
    });
  await followed(true, 4);
  await followed(false, 1);
});
