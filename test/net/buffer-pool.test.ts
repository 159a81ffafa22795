import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { BufferPool, READ_BYTES_MAX, release, StreamBlocks } from "../../src/net/wire/buffer-pool.ts";
import { Connection, type Data } from "../../src/net/wire/connection.ts";
import { SocketReader } from "../../src/net/wire/socket-reader.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { dataFrameOf, frameOf, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const NONE = { bytes: Buffer.alloc(0) };

/** A full block of a stream, as an socketReader would have it, and the one after it. */
function fullBlock() {
  const pool = new BufferPool();
  const blocks = new StreamBlocks(pool);
  const block = blocks.next(READ_BYTES_MAX, NONE);
  blocks.arrivedBytes += READ_BYTES_MAX;
  blocks.next(READ_BYTES_MAX, block);
  return { pool, blocks, block };
}

/** Whether another connection of that pool gets the block. A pool holds 32. */
const comesAgain = (pool: BufferPool, bytes: Buffer): boolean =>
  Array.from({ length: 40 }, () => new StreamBlocks(pool).next(READ_BYTES_MAX, NONE)).some(
    (block) => block.bytes === bytes,
  );

test("a block comes again once the stream has passed it and all that was lent of it came back", () => {
  const { pool, blocks, block } = fullBlock();
  const [one, two] = [block.bytes.subarray(0, 10), block.bytes.subarray(10, 20)];
  blocks.retain([one, two]);
  blocks.passed(READ_BYTES_MAX - 1); // a frame that began in it is not complete
  release([one, two]);
  expect(comesAgain(pool, block.bytes)).toBe(false);
  blocks.passed(READ_BYTES_MAX);
  expect(comesAgain(pool, block.bytes)).toBe(true);
});

test("what was lent and not given back keeps its block", () => {
  const { pool, blocks, block } = fullBlock();
  const [one, two] = [block.bytes.subarray(0, 10), block.bytes.subarray(10, 20)];
  blocks.retain([one, two]);
  blocks.passed(READ_BYTES_MAX);
  release([one]);
  expect(comesAgain(pool, block.bytes)).toBe(false);
  release([two]);
  expect(comesAgain(pool, block.bytes)).toBe(true);
});

test("to give back twice is a bug of ours and said so; what is of no block is left alone", () => {
  const { blocks, block } = fullBlock();
  const slice = block.bytes.subarray(0, 10);
  blocks.retain([slice]);
  release([slice]);
  expect(() => release([slice])).toThrow("a slice came back twice");
  release([new Uint8Array(10)]);
});

/** Two ends of a real socket: ours reads as a server does. */
async function pair(): Promise<{ connection: Connection; peer: Socket }> {
  const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, "localhost");
  await once(listener, "listening");
  const accepted = once(listener, "connection");
  const peer = connectSocket((listener.address() as AddressInfo).port, "localhost");
  const [socket] = (await accepted) as [Socket];
  const socketReader = new SocketReader();
  const connection = new Connection(socketReader.adopt(socket), socketReader);
  onTestFinished(() => {
    connection.destroy(new FilespoolError("interrupted"));
    peer.destroy();
    listener.close();
  });
  return { connection, peer };
}

test("content that is held does not change, however frames fall and whatever else is given back", {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 300_000 }), hold: fc.nat(6) }), {
        minLength: 5,
        maxLength: 40,
      }),
      async (frames) => {
        const { connection, peer } = await pair();
        const contents = frames.map(({ bytes }) => randomBytes(bytes));
        peer.write(frameOf(WELCOME));
        let offset = 0;
        for (const bytes of contents) {
          peer.write(dataFrameOf(offset, bytes));
          offset += bytes.length;
        }
        await connection.read();
        // Each is held while some of the next are read, looked at, and given back; in another order than they came.
        const held: { data: Data; index: number; until: number }[] = [];
        for (const [index, { hold }] of frames.entries()) {
          const data = (await connection.read()) as Data;
          held.push({ data, index, until: index + hold });
          for (const due of held.filter(({ until }) => until <= index)) {
            expect(Buffer.concat(due.data.parts).equals(contents[due.index] as Buffer)).toBe(true);
            release(due.data.parts);
            held.splice(held.indexOf(due), 1);
          }
        }
        for (const due of held) expect(Buffer.concat(due.data.parts).equals(contents[due.index] as Buffer)).toBe(true);
        connection.destroy(new FilespoolError("interrupted"));
      },
    ),
    { numRuns: 25 },
  );
});

test("many at a time, of all sizes, through one pool: every file arrives as it left", {
  timeout: 120_000,
}, async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const sizes = [100, 5_000, 70_000, 300_000, 1_500_000, 6_000_000];
  const sent = new Map<string, Buffer>();
  await Promise.all(
    sizes.map(async (size, index) => {
      const files = Array.from({ length: 4 }, (_, copy) => {
        const name = `f${index}-${copy}`;
        sent.set(name, randomBytes(size + copy));
        return work.write(name, sent.get(name) as Buffer);
      });
      await work.send({ port, files, queue: `q${index}` }).done;
    }),
  );
  const folders = await Promise.all(
    sizes.map(async (_, index) => {
      const receiver = work.receive({ port, queue: `q${index}`, out: work.path(`out${index}`) });
      await receiver.done;
      return work.path(`out${index}`);
    }),
  );
  const { readFileSync } = await import("node:fs");
  for (const [name, bytes] of sent) {
    const folder = folders[Number(name.slice(1).split("-")[0])] as string;
    expect(readFileSync(`${folder}/${name}`).equals(bytes)).toBe(true);
  }
});
