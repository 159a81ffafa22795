/**
 * A link that is slow: hands on no more than so many bytes a second in each direction, each piece after a delay.
 *
 * Its own buffers are small, as those of a modem are: whoever sends more has to wait, and finds out what it does then.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** What holds for each direction; a test may change it on the way. */
export interface Link {
  /** One way, milliseconds. */
  latencyMs?: number;
  bytesPerSecond?: number;
}

const PIECE_BYTES = 16 * 1024;

/** Opens the link in front of a server; it ends with the test. Returns its port. */
export async function slowLink(target: number, link: Link): Promise<number> {
  const sockets = new Set<Socket>();
  const pump = async (from: Socket, to: Socket) => {
    try {
      for await (const bytes of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
          const { latencyMs = 0, bytesPerSecond = Infinity } = link;
          const piece = bytes.subarray(at, at + PIECE_BYTES);
          await sleep(latencyMs + (piece.length / bytesPerSecond) * 1000);
          await new Promise<void>((taken) => to.write(piece, () => taken()));
          if (to.destroyed) return;
        }
      }
      to.end();
    } catch {
      to.destroy();
    }
  };
  const relay = createServer({ allowHalfOpen: true, highWaterMark: PIECE_BYTES }, (client) => {
    const server = connect({ port: target, host: "localhost", allowHalfOpen: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket.setNoDelay(true));
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        if (!socket.readableEnded) other.destroy();
      });
    }
    void pump(client, server);
    void pump(server, client);
  });
  relay.listen(0, "localhost");
  await once(relay, "listening");
  onTestFinished(() => {
    relay.close();
    for (const socket of sockets) socket.destroy();
  });
  return (relay.address() as AddressInfo).port;
}
