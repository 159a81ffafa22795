/** A server that delivers whatever a test likes, true or not, and notes what the receiver says to it. */
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Message, MessageOf } from "../../src/protocol/messages.ts";
import { sha256 } from "./content.ts";
import { idOf, listenRaw, type RawPeer, WELCOME } from "./raw-peer.ts";

/** A delivery; what is left out is as an honest server would say it. */
export interface Lie extends Partial<Omit<MessageOf<"deliver">, "type">> {
  readonly bytes: Uint8Array;
  /** Called when the receiver has decided to take a large file, before it gets the data. */
  readonly onStart?: () => void;
}

export interface LyingServer {
  readonly port: number;
  /** What receivers said, "want", "working" and "bye" left out. */
  readonly verdicts: Message[];
}

/** Delivers all lies over each connection, one after the other, and then says that the queue is empty. */
export async function serveLies(lies: readonly Lie[]): Promise<LyingServer> {
  const verdicts: Message[] = [];
  const port = await listenRaw(async (peer) => {
    await peer.until("hello");
    peer.send(WELCOME);
    await peer.until("want");
    for (const [at, lie] of lies.entries()) await deliver(peer, lie, at, verdicts);
    peer.send({ type: "empty" });
    for (let frame = await peer.next(); frame && frame.type !== "bye"; frame = await peer.next()) {
      note(frame as Message, peer, verdicts);
    }
    peer.socket.end();
  });
  return { port, verdicts };
}

async function deliver(peer: RawPeer, lie: Lie, at: number, verdicts: Message[]): Promise<void> {
  const { bytes, onStart, ...fields } = lie;
  const told: MessageOf<"deliver"> = {
    ...{ type: "deliver", delivery: `d-${at}`, transfer: idOf(at + 1), queue: "default", name: `file-${at}` },
    ...{ size: bytes.length, algorithm: "sha256", digest: sha256(bytes), attempt: 1 },
    ...fields,
  };
  peer.send(told);
  let from = 0;
  if (told.size > LIMITS.pipelineBytesMax) {
    let frame = await peer.next();
    for (; frame && frame.type !== "start"; frame = await peer.next()) {
      note(frame as Message, peer, verdicts);
      if (frame.type === "ack" || frame.type === "nack") return;
    }
    from = frame?.offset ?? 0;
    onStart?.();
  }
  for (; from < bytes.length; from += 60_000) peer.sendData(from, bytes.subarray(from, from + 60_000));
}

function note(frame: Message, peer: RawPeer, verdicts: Message[]): void {
  if (frame.type === "want" || frame.type === "working") return;
  verdicts.push(frame);
  if (frame.type === "nack") peer.send({ type: "empty" });
  if (frame.type === "ack") peer.send({ type: "acked", delivery: frame.delivery });
}
