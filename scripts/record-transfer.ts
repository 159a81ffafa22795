/**
 * Records a real transfer on the wire, for the frame explorer of the site: npx tsx scripts/record-transfer.ts
 *
 * A real server, sender and receiver talk through a relay that writes down what passes. Ids, tokens and the peer's name
 * differ from run to run; which frames pass, and which fields they have, does not, and a test compares that. What is
 * recorded is two small files, so that a person can look at every byte.
 */
import { once } from "node:events";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createDigest } from "../src/disk/digest.ts";
import { createServer as createFilespool } from "../src/net/create-server.ts";
import { receive } from "../src/net/receive.ts";
import { send } from "../src/net/send.ts";
import { MemorySpool } from "../src/spool/memory-spool.ts";

export interface Recording {
  readonly about: string;
  readonly streams: { readonly id: string; readonly title: string; readonly hex: string }[];
}

export const RECORDING = join(import.meta.dirname, "../website/src/live/recordings/transfer.json");
const FILES = { "note.txt": "Send a file now, collect it later.\n", "bytes.bin": "\u0000\u00ff\u00e9: any bytes" };

/** Relays connections to `target` and keeps both directions of each. */
async function relay(target: number) {
  const taken: { up: Buffer[]; down: Buffer[] }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const peer = connect({ port: target, host: "localhost" });
    const directions = { up: [] as Buffer[], down: [] as Buffer[] };
    taken.push(directions);
    client.on("data", (bytes) => directions.up.push(bytes)).pipe(peer);
    peer.on("data", (bytes) => directions.down.push(bytes)).pipe(client);
    for (const socket of [client, peer]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, taken, close };
}

/** Two small files there and back. */
export async function record(): Promise<Recording> {
  const folder = await mkdtemp(join(tmpdir(), "filespool-record-"));
  const spool = new MemorySpool({ now: Date.now, createDigest });
  const server = await createFilespool({ port: 0, spool });
  const link = await relay(server.port);
  try {
    await mkdir(join(folder, "out"));
    const paths = Object.keys(FILES).map((name) => join(folder, name));
    for (const [at, text] of Object.values(FILES).entries()) {
      await writeFile(paths[at] as string, text);
      await utimes(paths[at] as string, 1_700_000_000, 1_700_000_000); // it travels with the file
    }
    await send({ port: link.port, files: paths, senderKey: "00".repeat(32) });
    await receive({ port: link.port, out: join(folder, "out") });
    const [sending, receiving] = link.taken;
    const stream = (id: string, title: string, parts: Buffer[] = []) => ({
      id,
      title,
      hex: Buffer.concat(parts).toString("hex"),
    });
    return {
      about: "Two small files, sent and collected; written by scripts/record-transfer.ts",
      streams: [
        stream("sender-to-server", "sender to server", sending?.up),
        stream("server-to-sender", "server to sender", sending?.down),
        stream("receiver-to-server", "receiver to server", receiving?.up),
        stream("server-to-receiver", "server to receiver", receiving?.down),
      ],
    };
  } finally {
    link.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await writeFile(RECORDING, `${JSON.stringify(await record(), null, 2)}\n`);
  console.log(`wrote ${RECORDING}`);
}
