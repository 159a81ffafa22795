/**
 * A slow link: a relay in front of the server that lets through so many bytes per second.
 *
 * Over loopback the whole upload would be over in a blink, and "the middle of it" would be a matter of luck. The
 * link gives everybody time to watch, and makes the moment of the crash the same on a fast and on a slow
 * machine. It only delays: it reads no frame and changes no byte.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface SlowLink {
  readonly port: number;
  close(): void;
}

/** How far the link may be ahead of its pace, or behind, before it waits. */
const DEBT_MS = 10;

/**
 * Starts a relay on a free port.
 * @param serverPort where it leads to, on localhost; whoever listens there may come and go
 * @param bytesPerSecond the pace from client to server; the way back is not slowed
 */
export async function slowLink(serverPort: number, bytesPerSecond: number): Promise<SlowLink> {
  const open = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(serverPort, "localhost");
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(one);
      // When one side breaks or is killed, the other must learn of it, as it would without a relay.
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    server.pipe(client);
    client.on("end", () => server.end());
    let dueMs = performance.now();
    client.on("data", (bytes) => {
      server.write(bytes);
      // When these bytes would have come over the real thing. Timers are coarse, so small debts add up first.
      dueMs = Math.max(dueMs, performance.now() - DEBT_MS) + (bytes.length / bytesPerSecond) * 1000;
      const aheadMs = dueMs - performance.now();
      if (aheadMs < DEBT_MS) return;
      client.pause();
      setTimeout(() => client.resume(), aheadMs);
    });
  });
  relay.listen(0, "localhost");
  await once(relay, "listening");
  return {
    port: (relay.address() as AddressInfo).port,
    close() {
      relay.close();
      for (const socket of open) socket.destroy();
    },
  };
}
