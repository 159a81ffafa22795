import { createHash } from "node:crypto";
import { once } from "node:events";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { describe, expect, test } from "vitest";
import { ownIdentity } from "../../src/net/extensions/trust/tls.ts";
import type { Access, Gate, Right } from "../../src/net/server/access.ts";
import type { MessageOf } from "../../src/protocol/messages.ts";
import { dataFrameOf, helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

/** A gate whose tokens are "<id>:<queue>", and whose rights the test takes away. */
function pliantGate() {
  const gone = { rights: new Set<Right>(), holders: new Set<string>() };
  const gate: Gate = {
    admit(token = ""): Access {
      const [id = "", queue = ""] = token.split(":");
      return {
        id,
        allows: (right, asked) => asked === queue && !gone.rights.has(right),
        get isOver() {
          return gone.holders.has(id);
        },
      };
    },
  };
  return { gate, gone };
}

const SIZE = 1_000_000;
const offerOf = (queue: string, transfer = idOf(1)): MessageOf<"offer"> => ({
  ...{ type: "offer", transfer, queue, name: "a", size: SIZE, algorithm: "sha256", wait: true },
});

/** Whoever calls this says to be the same peer. */
async function sender(port: number, token: string): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  peer.send(helloOf("sender", { peer: idOf(7), token }));
  await peer.until("welcome");
  return peer;
}

describe("whoever has a token for one queue", () => {
  test("does not end the connection of a peer with another token, even if it knows that peer's id", async () => {
    const { port } = await new Workspace().serve({ gate: pliantGate().gate });
    const owner = await sender(port, "alice:photos");
    await sender(port, "mallory:other");
    owner.send(offerOf("photos"));
    expect(await owner.until("accept")).toMatchObject({ offset: 0 });
    // With the same token it is the same peer, whose newest connection counts.
    await sender(port, "alice:photos");
    expect(await owner.next()).toBeNull();
  });

  test("neither continues, ends nor learns of a transfer in another one by offering its id", async () => {
    const { port } = await new Workspace().serve({ gate: pliantGate().gate });
    const owner = await sender(port, "alice:photos");
    owner.send(offerOf("photos"));
    await owner.until("accept");
    const mallory = await sender(port, "mallory:other");
    mallory.send(offerOf("photos"));
    expect(await mallory.until("refuse")).toMatchObject({ code: "not-allowed" });
    mallory.send(offerOf("other"));
    const refused = await mallory.until("refuse");
    expect(refused).toMatchObject({ code: "transfer-conflict" });
    expect(JSON.stringify(refused)).not.toContain("photos");
    const bytes = new Uint8Array(SIZE);
    owner.sendData(0, bytes);
    owner.send({ type: "finish", transfer: idOf(1), digest: createHash("sha256").update(bytes).digest("hex") });
    expect(await owner.until("stored")).toMatchObject({ transfer: idOf(1) });
  });
});

describe("a right that is taken away", () => {
  test("to be here ends an upload in its middle, and keeps what had arrived", async () => {
    const { gate, gone } = pliantGate();
    const { port } = await new Workspace().serve({ gate });
    const owner = await sender(port, "alice:photos");
    owner.send(offerOf("photos"));
    await owner.until("accept");
    owner.sendData(0, new Uint8Array(65_536));
    gone.holders.add("alice");
    expect(await owner.until("error")).toMatchObject({ code: "token-refused" });
    gone.holders.clear();
    const again = await sender(port, "alice:photos");
    again.send(offerOf("photos"));
    expect((await again.until("accept")).offset).toBe(65_536);
  });

  test("to collect is gone at the next file, also for a receiver that is there already", async () => {
    const { gate, gone } = pliantGate();
    const work = new Workspace();
    const { port } = await work.serve({ gate });
    const receiver = await RawPeer.connect(port);
    receiver.send(helloOf("receiver", { queue: "photos", token: "alice:photos" }));
    await receiver.until("welcome");
    receiver.send({ type: "want", files: 1 });
    await receiver.until("empty");
    gone.rights.add("collect");
    await work.send({ port, queue: "photos", token: "bob:photos", files: [work.write("a", "a")] }).done;
    expect(await receiver.until("error")).toMatchObject({ code: "not-allowed" });
  });
});

test("the last words to a peer that is sending reach it over TLS, too", async () => {
  const work = new Workspace();
  const { gate, gone } = pliantGate();
  const { port } = await work.serve({ gate, tls: await ownIdentity(work.path("tls"), "localhost") });
  const options = { port, host: "localhost", rejectUnauthorized: false, allowHalfOpen: true };
  const socket = connectTls(options as ConnectionOptions); // allowHalfOpen is documented, and missing in the types
  await once(socket, "secureConnect");
  const peer = new RawPeer(socket);
  peer.send(helloOf("sender", { token: "alice:photos" }));
  await peer.until("welcome");
  peer.send(offerOf("photos"));
  await peer.until("accept");
  gone.holders.add("alice");
  // Goes on sending until it hears the error, whatever the server thinks of it.
  const frame = dataFrameOf(0, new Uint8Array(4096));
  const pump = setInterval(() => socket.writable && socket.write(frame), 5);
  expect(await peer.until("error").finally(() => clearInterval(pump))).toMatchObject({ code: "token-refused" });
  socket.end();
  await peer.closed;
});
