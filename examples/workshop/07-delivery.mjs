/** Lesson 7, handing it over: receivers die, sleep and repeat themselves, and no file may be lost by it. */
import { broken, lesson } from "./lesson.mjs";

const LEASE_MS = 30;

/** A queue with two files in it, and a clock that we move. */
function queueOf(createQueue) {
  const clock = { ms: 0 };
  const queue = createQueue(["first", "second"], LEASE_MS, () => clock.ms);
  return { queue, clock };
}

/** What a queue still has to give, one after the other, once all leases are over. */
function left({ queue, clock }) {
  clock.ms += 10 * LEASE_MS;
  const files = [];
  for (let lease = queue.lease(); lease; lease = queue.lease()) files.push(lease.file);
  return files;
}

const expectLeft = (world, wanted) => {
  const files = left(world);
  if (files.join() !== wanted.join()) broken(`left in the queue: ${files.join(", ") || "nothing"}`);
};

await lesson(import.meta.url, ({ createQueue }) => ({
  "an acked file is gone, in order": () => {
    const world = queueOf(createQueue);
    const { file, token } = world.queue.lease();
    if (file !== "first") broken(`${file} came first`);
    world.queue.ack(token);
    expectLeft(world, ["second"]);
  },
  "a receiver that dies after it took a file does not take it away": () => {
    const world = queueOf(createQueue);
    world.queue.lease();
    expectLeft(world, ["first", "second"]);
  },
  "while one receiver holds a file, another gets the next": () => {
    const { queue } = queueOf(createQueue);
    const files = [queue.lease().file, queue.lease().file];
    if (files.join() !== "first,second") broken(`both got ${files[0]}`);
  },
  "a receiver that overslept cannot settle what another one holds": () => {
    const world = queueOf(createQueue);
    const slow = world.queue.lease();
    world.clock.ms += 2 * LEASE_MS;
    const other = world.queue.lease(); // the same file, for somebody else
    if (other.file !== "first") broken(`after the lease was over, ${other.file} came`);
    const isTaken = world.queue.ack(slow.token); // it wakes up and reports its file as landed
    if (isTaken) broken("its late ack is believed: if the other one dies now, nobody has the file");
    expectLeft(world, ["first", "second"]);
  },
}));
