import { once } from "node:events";
import { connect as connectTcp, createServer, type Server, Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type Address, type Reach, reach } from "../../src/net/client/addresses.ts";
import { Client } from "../../src/net/client/client.ts";
import { CONNECTOR } from "../../src/net/extensions/trust/connect.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A listener that says nothing, on a free port. */
async function silentServer(): Promise<number> {
  const server = createServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

async function deadPort(): Promise<number> {
  const port = await silentServer();
  const server = servers.pop() as Server;
  server.close();
  await once(server, "close");
  return port;
}

const IPV4 = (last: number): Address => ({ address: `192.0.2.${last}`, family: 4 });
const IPV6 = (last: number): Address => ({ address: `2001:db8::${last}`, family: 6 });

/** What happens at each address: nobody ever answers, a port of this machine does, or it does after some milliseconds. */
type Place = "nobody" | { readonly port: number; readonly afterMs?: number };

function world(places: readonly (readonly [Address, Place])[]) {
  const opened: [address: string, socket: Socket][] = [];
  const open = (address: string): Socket => {
    const place = places.find(([one]) => one.address === address)?.[1] ?? "nobody";
    const socket = new Socket();
    socket.on("error", () => {});
    if (place !== "nobody") {
      const begin = () => void (socket.destroyed || socket.connect({ host: "127.0.0.1", port: place.port }));
      if (place.afterMs === undefined) begin();
      else setTimeout(begin, place.afterMs);
    }
    opened.push([address, socket]);
    return socket;
  };
  const lookup = async () => places.map(([address]) => address);
  const to: Reach = { host: "files.example", port: 5011, timeoutMs: 5000, open, lookup };
  const isOpen = () => opened.filter(([, socket]) => !socket.destroyed).map(([address]) => address);
  return { to, opened, isOpen };
}

describe("of several addresses", () => {
  test("one that leads nowhere keeps nobody from the next, and is let go", async () => {
    const port = await silentServer();
    const { to, isOpen } = world([
      [IPV6(1), "nobody"],
      [IPV4(1), { port }],
    ]);
    const socket = await reach(to);
    expect([socket.remotePort, isOpen()]).toEqual([port, [IPV4(1).address]]);
    socket.destroy();
  });

  test("a slow one is not given up while others are tried", async () => {
    const port = await silentServer();
    const { to, opened, isOpen } = world([
      [IPV6(1), { port, afterMs: 600 }],
      [IPV4(1), { port: await deadPort() }],
    ]);
    const socket = await reach(to);
    expect([opened.map(([address]) => address), isOpen()]).toEqual([
      [IPV6(1).address, IPV4(1).address],
      [IPV6(1).address],
    ]);
    socket.destroy();
  });

  test("the kinds come in turn, and one that fails is followed at once", async () => {
    const place = { port: await deadPort() };
    const order = [IPV6(1), IPV6(2), IPV6(3), IPV4(1)];
    const { to, opened } = world(order.map((address) => [address, place] as const));
    await expect(reach(to)).rejects.toMatchObject({ code: "unreachable" });
    const inTurn = [IPV6(1), IPV4(1), IPV6(2), IPV6(3)].map(({ address }) => address);
    expect(opened.map(([address]) => address)).toEqual(inTurn);
  });

  test("each is named with its reason when none can be reached in time, and none stays open", async () => {
    const { to, isOpen } = world([
      [IPV6(1), "nobody"],
      [IPV4(1), { port: await deadPort() }],
    ]);
    const message =
      "cannot reach a server at files.example:5011: 2001:db8::1: no answer within 0.7 s (--connect-timeout); " +
      "192.0.2.1: nobody listens there (ECONNREFUSED)";
    await expect(reach({ ...to, timeoutMs: 700 })).rejects.toMatchObject({ code: "unreachable", message });
    expect(isOpen()).toEqual([]);
  });

  test("none stays open when the run is interrupted", async () => {
    const { to, isOpen } = world([[IPV4(1), "nobody"]]);
    const stop = new AbortController();
    const reaching = reach({ ...to, signal: stop.signal });
    stop.abort();
    await expect(reaching).rejects.toMatchObject({ code: "interrupted" });
    expect(isOpen()).toEqual([]);
  });
});

test("a name server that does not answer is waited for until the deadline", async () => {
  const { to } = world([]);
  const lookup = () => new Promise<Address[]>(() => {});
  const message = expect.stringContaining("no answer from the name look-up within 0.2 s");
  await expect(reach({ ...to, lookup, timeoutMs: 200 })).rejects.toMatchObject({ code: "unreachable", message });
});

test("a server that is reached and does not encrypt, or says nothing, is waited for until the deadline", async () => {
  const port = await silentServer();
  const dial = { connectTimeoutMs: 300, tls: { fingerprints: ["0".repeat(64)] } };
  await expect(CONNECTOR.connect("127.0.0.1", port, dial)).rejects.toMatchObject({ code: "timed-out" });
});

test("an ordinary connection is one socket", async () => {
  const port = await silentServer();
  let count = 0;
  const open = (host: string) => {
    count++;
    return connectTcp({ host, port });
  };
  const socket = await reach({ host: "127.0.0.1", port, timeoutMs: 1000, open });
  expect(count).toBe(1);
  socket.destroy();
});

test("a server that hangs up and is mute when it is asked why keeps no run from being interrupted", async () => {
  const stop = new AbortController();
  let connections = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (++connections === 1) return void socket.end();
    stop.abort(); // it is being asked whether it encrypts
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = new Client({ host: "127.0.0.1", port, signal: stop.signal }, CONNECTOR);
  await expect(client.run("sender", async () => {})).rejects.toMatchObject({ code: "interrupted" });
  expect(connections).toBe(2);
}, 5000);
