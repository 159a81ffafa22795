/**
 * In which state a client is, seen from its frames alone.
 *
 * The clients of minimal/ are written in the order in which things happen, and hold no table. The tables of the protocol
 * say which order that may be; so here each frame is an event of the table, and a frame for which there is no cell ends
 * the run with an error. Invariant: nothing is asked of the programs. Refuses to know bytes and time.
 */
import { DELIVERY_RECEIVER } from "../../../../src/protocol/delivery.ts";
import { Conversation, type EventOf } from "../../../../src/protocol/state-machine.ts";
import { UPLOAD_SENDER } from "../../../../src/protocol/upload.ts";
import type { Scribe } from "./story.ts";
import type { Watcher } from "./wire.ts";
import type { Words } from "./words.ts";

/** After an error nobody listens any more, and so nothing that is still said is in or out of order. */
function untilError(watcher: Watcher): Watcher {
  let isOver = false;
  const unless = (watch: (words: Words) => void) => (words: Words) => {
    isOver ||= words.type === "error";
    if (!isOver) watch(words);
  };
  return { sent: unless(watcher.sent), received: unless(watcher.received), lost: watcher.lost };
}

/** One connection of a sender. */
function watchSender(scribe: Scribe): Watcher {
  const talk = new Conversation(UPLOAD_SENDER, "waiting");
  const step = (event: EventOf<typeof UPLOAD_SENDER>) => {
    talk.on(event);
    scribe.change("sender", "upload", event, talk.state);
  };
  return {
    sent(words) {
      if (words.type === "offer") step(words.wait ? "ask" : "pipe");
      if (words.type === "finish") step("end");
      if (words.type === "cancel") step("fail");
    },
    received(words) {
      if (["accept", "progress", "stored", "refuse"].includes(words.type)) step(words.type as "stored");
    },
    lost: () => step("lost"),
  };
}

/** One connection of a receiver. */
function watchReceiver(scribe: Scribe): Watcher {
  const talk = new Conversation(DELIVERY_RECEIVER, "greeting");
  let size = 0;
  const step = (event: EventOf<typeof DELIVERY_RECEIVER>) => {
    talk.on(event);
    scribe.change("receiver", "delivery", event, talk.state);
  };
  const begin = (offset: number) => {
    step("begin");
    if (offset === size) step("full");
  };
  return {
    sent(words) {
      if (words.type === "start") begin(words.offset);
      if (words.type === "start" && words.offset > 0)
        scribe.mark("receiver", "resumed", `goes on at byte ${words.offset.toLocaleString("en")}`);
      if (words.type === "ack" && talk.state === "deciding") size === 0 ? begin(0) : step("decline");
      if (words.type === "bye") step("bye");
    },
    received(words) {
      if (words.type === "deliver") size = words.size;
      // The content of a small file is taken without a word about it.
      if (words.type === "data" && talk.state === "deciding") step("begin");
      if (["welcome", "deliver", "data", "empty", "acked", "refuse", "withdraw"].includes(words.type))
        step(words.type as "data");
      if (words.type === "data" && words.offset + words.length === size && talk.state === "receiving") step("full");
    },
    lost: () => scribe.change("receiver", "delivery", "lost", "no connection"),
  };
}

export const WATCH: Record<"sender" | "receiver", (scribe: Scribe) => Watcher> = {
  sender: (scribe) => untilError(watchSender(scribe)),
  receiver: (scribe) => untilError(watchReceiver(scribe)),
};
