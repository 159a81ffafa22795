/** What connections share, and with whom: those of one server with each other, and with nobody else. */
import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { Connection } from "../../src/net/wire/connection.ts";
import { FreeList } from "../../src/net/wire/free-list.ts";
import { PLAIN_CODEC } from "../../src/net/wire/message-codec.ts";
import { SocketReader } from "../../src/net/wire/socket-reader.ts";
import { WireMemory } from "../../src/net/wire/wire-memory.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { SAMPLE_MESSAGES, STREAM_MESSAGES } from "../protocol/samples.ts";
import { content } from "../support/content.ts";
import { Workspace } from "../support/workspace.ts";

test("two servers in one process share no memory, no count and no number", async () => {
  const used = vi.spyOn(FreeList.prototype, "give");
  onTestFinished(() => used.mockRestore());
  /** Numbers of the connections of one server, and the free lists that were used while it worked. */
  const serve = async () => {
    const work = new Workspace();
    const numbers: number[] = [];
    const onEvent = (event: { event: string; connection?: number }) => {
      if (event.event === "connected") numbers.push(event.connection ?? 0);
    };
    const { port } = await work.serve({ onEvent });
    used.mockClear();
    const files = Array.from({ length: 20 }, (_, index) => work.write(`${port}-${index}`, content(30_000 + index)));
    await work.send({ port, files: [...files, work.write(`${port}-large`, content(3_000_000))] }).done;
    await work.receive({ port, out: work.path(`out-${port}`) }).done;
    return { numbers, lists: new Set(used.mock.contexts) };
  };
  const one = await serve();
  const other = await serve();
  expect([one.numbers, other.numbers]).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(one.lists.size).toBeGreaterThan(0);
  expect([...other.lists].filter((list) => one.lists.has(list))).toEqual([]);
});

test("what is given back is what is taken next, and what is over the bound is not kept", () => {
  const list = new FreeList<string>(2);
  for (const item of ["a", "b", "c"]) list.give(item);
  expect([list.take(), list.take(), list.take()]).toEqual(["b", "a", undefined]);
});

test("connections of one owner are numbered from 1, and no number comes twice", () => {
  const memory = new WireMemory();
  expect([memory.nextConnection(), memory.nextConnection(), new WireMemory().nextConnection()]).toEqual([1, 2, 1]);
});

test("an end that writes and reads in the plain way understands one that takes shortcuts, and is understood", async () => {
  const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, "localhost");
  await once(listener, "listening");
  const accepted = once(listener, "connection");
  const reader = new SocketReader();
  const socket = connectSocket({
    port: (listener.address() as AddressInfo).port,
    host: "localhost",
    onread: reader.onread,
  });
  const client = new Connection(reader.listenTo(socket), reader);
  const plain = new WireMemory(PLAIN_CODEC);
  const server = Connection.accept(((await accepted) as [Socket])[0], {}, undefined, plain);
  onTestFinished(() => {
    for (const connection of [client, server]) connection.destroy(new FilespoolError("interrupted"));
    listener.close();
  });
  const all = [...SAMPLE_MESSAGES, ...STREAM_MESSAGES.map(([, message]) => message)];
  for (const message of all.filter(({ type }) => type !== "ping" && type !== "error")) {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.send(message);
      expect(await to.read()).toEqual(message);
    }
  }
});
