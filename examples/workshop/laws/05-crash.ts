/** Page 5: the power is cut before each call in turn, and what was said is true on every disk that this leaves. */
import { Disk } from "../world/disk.ts";
import * as spool from "../world/spool.ts";
import { broken, expect, type Laws, type Load } from "./law.ts";

const { CUTS, contentOf, idOf, isUpload, offerOf, openQueues, recordsIn, SPOOL, store, untilCut } = spool;

export async function laws(load: Load): Promise<Laws> {
  const module = await load("queues");

  /** Stores two files with the power cut before call `cutAt`. */
  async function storeWithCut(cutAt: number): Promise<{ disk: Disk; said: number }> {
    const disk = new Disk();
    disk.cutAt = cutAt;
    let said = 0;
    await untilCut(async () => {
      const queues = await openQueues(module, disk);
      await store(queues, ++said);
      await store(queues, ++said);
      said++;
    });
    return { disk, said: said - 1 };
  }

  /** Cuts the power before each call, and shows each disk that this may leave to `look`. */
  async function afterEachCut(look: (disk: Disk, said: number, where: string) => Promise<void>): Promise<void> {
    const whole = await storeWithCut(Number.POSITIVE_INFINITY);
    expect(whole.said === 2, "without a cut, the files are not stored");
    for (let cutAt = 0; cutAt <= whole.disk.calls.length; cutAt++) {
      const { disk, said } = await storeWithCut(cutAt);
      const next = whole.disk.calls[cutAt];
      const where = next ? `cut before "${next}"` : "cut at the end";
      for (const names of CUTS) await look(disk.afterPowerCut({ names }), said, where);
    }
  }

  return {
    "a file that was stored waits in its queue": async () => {
      const disk = new Disk();
      const queues = await openQueues(module, disk);
      await store(queues, 1);
      expect(queues.waiting("default") === 1, `${queues.waiting("default")} files wait`);
      const [record] = recordsIn(disk, "queues");
      expect(record?.transfer === idOf(1), `in queues/ is ${record?.name ?? "nothing"}`);
      const answer = await queues.offer(offerOf(1), () => {});
      expect(!isUpload(answer), "the same offer came again, and the file is to be sent again");
    },

    "what was said to be stored is there after any power cut": () =>
      afterEachCut(async (disk, said, where) => {
        const queues = await openQueues(module, disk);
        for (let number = 1; number <= said; number++) {
          const answer = await queues.offer(offerOf(number), () => {});
          if (isUpload(answer)) broken(`${where}: file ${number} was said to be stored, and is not in its queue`);
          const content = disk.files().get(`${SPOOL}/data/${idOf(number)}`);
          expect(
            content?.equals(contentOf(number)) === true,
            `${where}: file ${number} was said to be stored, and has ${content?.length ?? "no"} bytes`,
          );
        }
      }),

    "a record in queues/ has its whole content, whenever the power is cut": () =>
      afterEachCut(async (disk, _, where) => {
        for (const { transfer } of recordsIn(disk, "queues")) {
          const bytes = disk.files().get(`${SPOOL}/data/${transfer}`);
          if (!bytes?.equals(contentOf(Number(transfer))))
            broken(`${where}: ${Number(transfer)}.txt is in its queue with ${bytes?.length ?? "no"} bytes of content`);
        }
      }),

    "nobody sees a file before it is on disk": async () => {
      const disk = new Disk();
      const queues = await openQueues(module, disk);
      let there: string[] = [];
      queues.listeners.add(() => {
        there = recordsIn(disk.afterPowerCut(), "queues").map(({ name }) => name);
      });
      await store(queues, 1);
      expect(there.length === 1, "memory knew the file, and a power cut would have lost it");
    },

    "a rename changes two folders, and both are on disk": async () => {
      const disk = new Disk();
      await store(await openQueues(module, disk), 1);
      const left = recordsIn(disk.afterPowerCut(), "uploads");
      expect(left.length === 0, "after a power cut the record is in uploads/ again, beside the one in queues/");
    },

    "the order of the files survives a restart": async () => {
      const disk = new Disk();
      const first = await openQueues(module, disk);
      for (let number = 1; number <= 11; number++) await store(first, number);
      await store(await openQueues(module, disk), 12);
      const seen = recordsIn(disk, "queues").map(({ transfer }) => Number(transfer));
      const wanted = Array.from({ length: 12 }, (_, index) => index + 1);
      expect(seen.join() === wanted.join(), `stored were 1 to 12, and in line is ${seen}`);
    },

    "a start tidies up what a crash has left": async () => {
      const disk = new Disk();
      disk.put(`${SPOOL}/uploads/${idOf(1)}`, "half a rec");
      disk.put(`${SPOOL}/done/${idOf(2)}`, JSON.stringify({ ...offerOf(2), digest: "" }));
      disk.put(`${SPOOL}/data/${idOf(2)}`, contentOf(2));
      disk.put(`${SPOOL}/data/${idOf(3)}`, "an upload that goes on");
      await openQueues(module, disk);
      const left = [...disk.files().keys()].map((path) => path.slice(SPOOL.length + 1)).sort();
      const wanted = [`data/${idOf(3)}`, `done/${idOf(2)}`];
      expect(left.join() === wanted.join(), `left is ${left.join(", ")}`);
    },
  };
}
