/** What other ends say is shown to people: no word of it is obeyed by their terminals. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Message } from "../../src/protocol/messages.ts";
import { sha256 } from "../support/content.ts";
import { idOf, listenRaw, type RawPeer, WELCOME } from "../support/raw-peer.ts";
import { start } from "./environment.ts";

/** Clears the screen, renames the window, goes back to the beginning of the line, turns the text around, ends the line. */
const EVIL = "\u001b[2J\u001b]0;owned\u0007\r\u202e\u009b31m\u2028";
/** What a terminal obeys or shows in a way that misleads; the ends of our own lines are left. */
const OBEYED = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

/** Runs a command against a server that answers by this script; everything that was shown must be harmless. */
async function shownBy(words: string[], script: (peer: RawPeer) => Promise<unknown>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "filespool-text-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "a.txt"), "a");
  const port = await listenRaw(async (peer) => {
    await script(peer);
    peer.socket.end();
  });
  const placed = words.map((word) => word.replace("FOLDER", folder));
  const { code, stdout, stderr } = start(folder, [...placed, "--port", String(port)]);
  await code;
  const shown = stdout.text + stderr.text;
  expect(shown.replaceAll("\n", "")).not.toMatch(OBEYED);
  expect(shown).toContain("\\u001b[2J"); // it was shown, and not left out
  return shown;
}

const greet = async (peer: RawPeer) => {
  await peer.until("hello");
  peer.send({ ...WELCOME, agent: `server${EVIL}` });
};
const row: Message = {
  ...{
    type: "row",
    transfer: idOf(1),
    state: "dead",
    queue: "default",
    name: `n${EVIL}`,
    size: 1,
    algorithm: "sha256",
  },
  ...{ atMs: 1, failures: 20, reason: `r${EVIL}`, firstFailedAtMs: 1, lastFailedAtMs: 1 },
};
const DELIVERED: Message = {
  ...{ type: "deliver", delivery: "d", transfer: idOf(1), queue: "default", name: `n${EVIL}`, size: 1 },
  ...{ algorithm: "sha256", digest: sha256(Buffer.from("a")), attempt: 1 },
};
const SEND = ["send", join("FOLDER", "a.txt"), "--verbose", "--retry", "0s"];
const RECEIVE = ["receive", "--out", join("FOLDER", "out"), "--verbose", "--retry", "0s"];

describe.each([[[]], [["--json"]]])("a terminal obeys nothing of what is said by a server, %j,", (mode: string[]) => {
  test.each<[string, string[], (peer: RawPeer) => Promise<unknown>]>([
    [
      "that refuses the conversation",
      SEND,
      async (peer) => {
        await peer.until("hello");
        peer.send({ type: "error", code: "not-allowed", message: `no${EVIL}` });
      },
    ],
    [
      "that refuses with a code that nobody knows",
      RECEIVE,
      async (peer) => {
        await peer.until("hello");
        peer.send({ type: "error", code: `c${EVIL}`, message: `no${EVIL}` });
      },
    ],
    [
      "that refuses a file",
      SEND,
      async (peer) => {
        await greet(peer);
        const { transfer } = await peer.until("offer");
        peer.send({ type: "refuse", about: transfer, code: "name-refused", message: `no${EVIL}` });
        await peer.until("bye");
      },
    ],
    [
      "that delivers a file of such a name",
      RECEIVE,
      async (peer) => {
        await greet(peer);
        await peer.until("want");
        await peer.send(DELIVERED).sendData(0, Buffer.from("a")).until("ack");
        peer.send({ type: "acked", delivery: "d" }, { type: "empty", leased: 0 });
        await peer.until("bye");
      },
    ],
    [
      "that takes a delivery back",
      RECEIVE,
      async (peer) => {
        await greet(peer);
        await peer.until("want");
        peer.send(DELIVERED, { type: "withdraw", delivery: "d", code: "lease-lost", message: `late${EVIL}` });
        await peer.send({ type: "empty", leased: 0 }).until("bye");
      },
    ],
    [
      "that breaks the schema with such a text",
      RECEIVE,
      async (peer) => {
        await greet(peer);
        await peer.until("want");
        peer.send({ ...DELIVERED, algorithm: `md5${EVIL}` } as Message);
        await peer.ending();
      },
    ],
    [
      "that lists such files and reasons",
      ["dead", "default"],
      async (peer) => {
        await greet(peer);
        await peer.until("list");
        await peer.send(row, { type: "page" }).until("bye");
      },
    ],
    [
      "that refuses an order",
      ["cancel", idOf(1), "--yes"],
      async (peer) => {
        await greet(peer);
        await peer.until("cancel");
        await peer.send({ type: "refuse", about: "cancel", code: "not-allowed", message: `no${EVIL}` }).until("bye");
      },
    ],
  ])("%s", async (_, words, script) => {
    await shownBy([...words, ...mode], script);
  });
});
