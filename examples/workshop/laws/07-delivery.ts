/** Page 7: receivers die, sleep and repeat themselves. No file is lost by it, and each lands once. */
import type { Queues } from "../../../minimal/queues.ts";
import type { Message } from "../../../src/protocol/index.ts";
import { Disk } from "../world/disk.ts";
import type { Peer } from "../world/peer.ts";
import * as spool from "../world/spool.ts";
import { settle } from "../world/wire.ts";
import { INBOX, World } from "../world/world.ts";
import { broken, codeOf, expect, type Laws, type Load } from "./law.ts";

const { CUTS, contentOf, idOf, openQueues, recordsIn, store, untilCut } = spool;
const WANT: Message = { type: "want", files: 1 };

export async function laws(load: Load): Promise<Laws> {
  const module = await load("queues");
  const LATER_MS = module.LEASE_MS + 1;

  async function queuesWith(...numbers: number[]): Promise<{ queues: Queues; disk: Disk; clock: { ms: number } }> {
    const [disk, clock] = [new Disk(), { ms: 0 }];
    const queues = await openQueues(module, disk, clock);
    for (const number of numbers) await store(queues, number);
    return { queues, disk, clock };
  }

  /** A server with these files, for clients of the law. */
  async function worldWith(...numbers: number[]): Promise<World> {
    const world = await World.start(load);
    for (const number of numbers) await store(world.queues, number);
    return world;
  }

  /** The number of the file that a lease handed out; 0 for none. */
  const leased = (queues: Queues, queue = "default"): number => Number(queues.lease(queue)?.transfer ?? 0);

  /** All files that are left, in order, once every lease is over. */
  function left(queues: Queues, clock: { ms: number }): string {
    clock.ms += LATER_MS;
    queues.expire();
    const numbers: number[] = [];
    for (let number = leased(queues); number > 0; number = leased(queues)) numbers.push(number);
    return numbers.join(" ") || "nothing";
  }

  async function delivered(peer: Peer): Promise<{ number: number; token: string; attempt: number }> {
    peer.say(WANT);
    const { transfer, delivery, attempt } = await peer.until("deliver");
    await peer.next(); // its content
    return { number: Number(transfer), token: delivery, attempt };
  }

  return {
    "files come in the order in which they were stored, each queue for itself": async () => {
      const { queues } = await queuesWith(1, 2);
      await store(queues, 3, "other");
      const seen = [leased(queues), leased(queues, "other"), leased(queues), leased(queues)];
      expect(seen.join() === "1,3,2,0", `stored were 1, 2 and for another queue 3; handed out were ${seen}`);
    },

    "the order survives a restart": async () => {
      const { disk } = await queuesWith(1, 2, 3);
      const queues = await openQueues(module, disk);
      const seen = [leased(queues), leased(queues), leased(queues)];
      expect(seen.join() === "1,2,3", `handed out were ${seen}`);
    },

    "what comes back goes to the head of its queue": async () => {
      const { queues } = await queuesWith(1, 2, 3);
      const first = queues.lease("default");
      leased(queues);
      queues.giveBack(first?.token ?? "");
      const next = leased(queues);
      expect(next === 1, `file 1 came back, and file ${next} was next`);
    },

    "a receiver that dies in silence keeps a file for the time of a lease": async () => {
      const { queues, clock } = await queuesWith(1, 2);
      leased(queues);
      clock.ms += module.LEASE_MS - 1;
      queues.expire();
      expect(leased(queues) === 2, "the time was not over, and file 1 was handed out again");
      const files = left(queues, clock);
      expect(files === "1 2", `after the time, there was ${files}`);
    },

    "a sign of life begins the time anew": async () => {
      const { queues, clock } = await queuesWith(1);
      const token = queues.lease("default")?.token ?? "";
      clock.ms += module.LEASE_MS - 1;
      queues.renew(token);
      clock.ms += module.LEASE_MS - 1;
      queues.expire();
      expect(leased(queues) === 0, "the receiver had said that it is alive, and its file was handed out again");
    },

    "a late ack with an old token is refused, and the file stays": async () => {
      const { queues, clock } = await queuesWith(1);
      const old = queues.lease("default")?.token ?? "";
      clock.ms += LATER_MS;
      queues.expire();
      const newer = queues.lease("default")?.token ?? "";
      expect(newer !== old, "the second delivery has the token of the first");
      const code = await codeOf(() => queues.ack(old));
      expect(code === "lease-lost", `a receiver overslept, and another one has the file; its ack: ${code}`);
      expect(left(queues, clock) === "1", "its late ack was believed: if the other one dies now, nobody has the file");
    },

    "what was acked never comes again, and what was not is whole, whenever the power is cut": async () => {
      const ackWithCut = async (cutAt: number) => {
        const { queues, disk } = await queuesWith(1);
        const before = disk.calls.length;
        disk.cutAt = before + cutAt;
        const token = queues.lease("default")?.token ?? "";
        return { disk, isAcked: await untilCut(() => queues.ack(token)), calls: disk.calls.slice(before) };
      };
      const { calls } = await ackWithCut(Number.POSITIVE_INFINITY);
      for (let cutAt = 0; cutAt <= calls.length; cutAt++)
        for (const names of CUTS) {
          const { disk, isAcked } = await ackWithCut(cutAt);
          const after = disk.afterPowerCut({ names });
          const delivery = (await openQueues(module, after)).lease("default");
          const where = calls[cutAt] ? `cut before "${calls[cutAt]}"` : "cut at the end";
          expect(!isAcked || !delivery, `${where}: the file was acked, and is handed out again`);
          const content = after.files().get(`spool/data/${idOf(1)}`);
          if (delivery && !content?.equals(contentOf(1)))
            broken(`${where}: the file is handed out, and has ${content?.length ?? "no"} bytes`);
        }
    },

    "a lease cannot run out while its record moves": async () => {
      const { queues, disk, clock } = await queuesWith(1);
      const token = queues.lease("default")?.token ?? "";
      let again = 0;
      disk.before = (call) => {
        if (!call.startsWith("sync folder")) return undefined;
        clock.ms += LATER_MS;
        queues.expire();
        again = Math.max(again, leased(queues));
        return undefined;
      };
      await queues.ack(token);
      expect(again === 0, "a slow disk took longer than the lease, and the file was handed out during its ack");
    },

    "a receiver gets what it asked for, and hears of what comes later": async () => {
      const world = await worldWith(1, 2);
      const peer = await world.peer("receiver");
      const first = await delivered(peer);
      expect((await peer.rest()).length === 0, "it asked for one file, and more came");
      peer.say({ type: "ack", delivery: first.token });
      await peer.until("acked");
      const second = await delivered(peer);
      expect(`${first.number} ${second.number}` === "1 2", `it got ${first.number} and ${second.number}`);
      peer.say({ type: "ack", delivery: second.token });
      peer.say(WANT);
      await peer.until("empty");
      await store(world.queues, 3);
      const { transfer } = await peer.until("deliver");
      expect(transfer === idOf(3), `file 3 was stored while it waited, and it heard of ${Number(transfer)}`);
      world.end();
    },

    "acked is said when the disk would keep it": async () => {
      const world = await worldWith(1);
      const peer = await world.peer("receiver");
      peer.say({ type: "ack", delivery: (await delivered(peer)).token });
      await peer.until("acked");
      const records = recordsIn(world.serverDisk.afterPowerCut(), "queues");
      expect(records.length === 0, "a power cut would bring the file back into its queue");
      world.end();
    },

    "a connection that ends gives its file back at once": async () => {
      const world = await worldWith(1);
      const dying = await world.peer("receiver");
      await delivered(dying);
      dying.wire.break();
      await settle();
      const next = await delivered(await world.peer("receiver"));
      expect(next.attempt === 2, `the file came again, as attempt ${next.attempt}`);
      world.end();
    },

    "a verdict that comes too late is answered with lease-lost": async () => {
      const world = await worldWith(1);
      const [slow, other] = [await world.peer("receiver"), await world.peer("receiver")];
      const { token } = await delivered(slow);
      world.clock.ms += LATER_MS;
      world.queues.expire();
      const newer = await delivered(other);
      slow.say({ type: "ack", delivery: token });
      const answer = await slow.next();
      const said = answer?.type === "refuse" ? answer.code : (answer?.type ?? "nothing");
      expect(said === "lease-lost", `the late ack was answered with ${said}`);
      other.say({ type: "ack", delivery: newer.token });
      await other.until("acked");
      world.end();
    },

    "a file that is given back comes again": async () => {
      const world = await worldWith(1);
      const peer = await world.peer("receiver");
      peer.say({ type: "nack", delivery: (await delivered(peer)).token, counts: false, reason: "no room" });
      const { attempt } = await delivered(peer);
      expect(attempt === 2, `it came as attempt ${attempt}`);
      world.end();
    },

    "a file lands once and whole, and nothing else is left in the folder": async () => {
      const world = await worldWith(1, 2);
      const failures = await world.receive();
      expect(failures.length === 0, `it did not land: ${failures[0]?.message}`);
      await world.receive();
      const landed = [...world.landed()].map(([name, text]) => `${name}: ${text}`).join(", ");
      expect(landed === `1.txt: ${contentOf(1)}, 2.txt: ${contentOf(2)}`, `landed is ${landed}`);
      expect(world.clientDisk.files().size === 2, `left is ${[...world.clientDisk.files().keys()].join(", ")}`);
      world.end();
    },

    "a file that is there already is not touched": async () => {
      const world = await worldWith(1);
      world.clientDisk.put(`${INBOX}/1.txt`, "mine");
      await world.receive();
      const landed = world.landed();
      expect(landed.get("1.txt") === "mine", `1.txt was there, and now it has: ${landed.get("1.txt")}`);
      expect([...landed.values()].includes(`${contentOf(1)}`), `it landed nowhere: ${[...landed.keys()].join(", ")}`);
      world.end();
    },

    "the ack is said after the file and its name are on disk": async () => {
      const world = await worldWith(1);
      let seen: string | undefined = "nothing was acked";
      world.serverDisk.before = (call) => {
        if (call.startsWith("rename") && call.includes("done"))
          seen = world.landed(world.clientDisk.afterPowerCut()).get("1.txt");
        return undefined;
      };
      await world.receive();
      expect(seen === contentOf(1).toString(), `after a power cut at the receiver, 1.txt would be: ${seen ?? "gone"}`);
      world.end();
    },
  };
}
