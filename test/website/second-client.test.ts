/** A client that was written from the reference alone, beside the real server: what the pages say is enough, and is so. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Place } from "../support/process-program.ts";
import { Conversation, decodeFrame, type Invite, list, readInvite, take, upload } from "./second-client.ts";

const KiB = 1024;
type Vector = Record<"title" | "type" | "hex", string> & { offset: number; body?: object; error: string | null };
const vectors: Record<"frames" | "skipped" | "damaged", Vector[]> = JSON.parse(
  readFileSync(new URL("../vectors/frames.json", import.meta.url), "utf8"),
);
/** What a message must say is for whoever reads the message; this client decodes before that. */
const ofMessages = ["a field missing", "a field of the wrong type", "a number out of bounds"];
const newId = () => randomBytes(16).toString("hex");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A server with encryption and tokens, and the invite to one of its queues. */
async function guarded(place: Place, queue: string): Promise<Invite> {
  const server = await place.serve("--tls", "--tokens");
  const asked = ["--queue", queue, "--rights", "send,collect,manage", "--spool", place.path("spool")];
  const words = ["invite", "--json", ...asked, "--port", String(server.port)];
  const printed = (await place.run(place.start(words))).stdout;
  return readInvite((/filespool:\/\/[^"\s]+/.exec(printed) as RegExpExecArray)[0]);
}

async function open(place: Place): Promise<Invite> {
  const { port } = await place.serve();
  return { host: "localhost", port, queue: "default" };
}

describe("the vectors", () => {
  test.each(vectors.frames)("$title is read", ({ type, body, hex, offset }) => {
    const bytes = Buffer.from(hex, "hex");
    const taken = decodeFrame(Buffer.concat([bytes, Buffer.from("FS")]));
    expect(taken?.frame).toMatchObject({ type, offset, ...(body && { body }) });
    expect(taken?.rest.toString()).toBe("FS");
    for (let cut = 0; cut < bytes.length; cut++) expect(decodeFrame(bytes.subarray(0, cut))).toBeNull();
  });

  test.each(vectors.skipped)("$title is passed over", ({ hex }) => {
    expect(decodeFrame(Buffer.from(hex, "hex"))).toMatchObject({ frame: null, rest: { length: 0 } });
  });

  test.each(vectors.damaged.filter(({ title }) => !ofMessages.includes(title)))(
    "$title ends as it must",
    ({ hex, error }) => {
      const bytes = Buffer.from(hex, "hex");
      if (error === null) expect(decodeFrame(bytes)).toBeNull();
      else expect(() => decodeFrame(bytes)).toThrow(error);
    },
  );
});

test("what it sends with a token over TLS is listed, collected by it, and gone", async () => {
  const invite = await guarded(new Place(), "photos");
  expect(invite.cert).toMatch(/^[0-9a-f]{64}$/);
  const sender = await Conversation.open(invite, "sender");
  const { pipelineBytesMax } = sender.welcome;
  const sizes = [0, 1, pipelineBytesMax, pipelineBytesMax + 1, 3_000_000];
  const files = sizes.map((size) => ({
    ...{ transfer: newId(), queue: "photos", name: `${size}.bin`, content: randomBytes(size) },
  }));
  for (const file of files) {
    const { stored } = await upload(sender, file);
    expect(stored).toMatchObject({ digest: sha256(file.content), repeated: false, collected: false });
  }
  await sender.bye();

  const operator = await Conversation.open(invite, "operator");
  const rows = await list(operator, "files", "photos");
  expect(rows.map(({ transfer, state }) => [transfer, state])).toEqual(
    files.map(({ transfer }) => [transfer, "waiting"]),
  );
  expect(await list(operator, "queues")).toMatchObject([{ queue: "photos", files: files.length, dead: 0 }]);
  const [first] = files as [(typeof files)[number]];
  operator.say("show", { transfer: first.transfer, look: 7, waitMs: 60_000 });

  const receiver = await Conversation.open(invite, "receiver");
  for (const { transfer, name, content } of files) {
    const landed = await take(receiver);
    expect(landed?.about).toMatchObject({ transfer, name, size: content.length, digest: sha256(content), attempt: 1 });
    expect(landed?.content.equals(content)).toBe(true);
    receiver.say("ack", { delivery: landed?.about.delivery });
    await receiver.hear("acked");
  }
  expect(await take(receiver)).toBeNull();
  await receiver.bye();

  expect((await operator.hear("state")).body).toMatchObject({ transfer: first.transfer, look: 7, state: "collected" });
  await operator.bye();
});

test("a stream that is cut goes on from the durable offset, and is told its size at its end", async () => {
  const invite = await open(new Place());
  const content = randomBytes(20_000_000);
  const file = { transfer: newId(), queue: "default", name: "dump.sql", content, isStream: true };
  const first = await Conversation.open(invite, "sender");
  const { from: durable } = await upload(first, { ...file, cutAtProgress: true });
  const second = await Conversation.open(invite, "sender");
  const { from, stored } = await upload(second, file);
  expect(from).toBeGreaterThanOrEqual(durable);
  expect(from).toBeGreaterThan(0);
  expect(stored.digest).toBe(sha256(content));
  expect((await upload(second, file)).stored).toMatchObject({ repeated: true, collected: false });
  const empty = { ...file, transfer: newId(), content: Buffer.alloc(0) };
  expect((await upload(second, empty)).stored).toMatchObject({ digest: sha256(Buffer.alloc(0)) });
  await second.bye();
  const receiver = await Conversation.open(invite, "receiver");
  const landed = await take(receiver);
  expect(landed?.content.equals(content)).toBe(true);
  receiver.cut();
});

test("its files land by the program's receiver, and those of the program's sender by it", async () => {
  const place = new Place();
  const invite = await open(place);
  const sender = await Conversation.open(invite, "sender");
  const content = randomBytes(70 * KiB);
  await upload(sender, { transfer: newId(), queue: "default", name: "Größe.bin", content });
  await sender.bye();
  await place.run(place.receive(invite.port));
  expect(readFileSync(place.path("inbox", "Größe.bin")).equals(content)).toBe(true);
  await place.run(place.send(invite.port, "--queue", "back", place.path("inbox")));
  const receiver = await Conversation.open({ ...invite, queue: "back" }, "receiver");
  const landed = await take(receiver);
  expect(landed?.about).toMatchObject({ kind: "tar", name: "inbox" });
  expect(landed?.content.toString("latin1", 257, 262)).toBe("ustar");
  receiver.say("nack", { delivery: landed?.about.delivery, counts: false, reason: "not this one" });
  expect((await take(receiver))?.about).toMatchObject({ attempt: 1, transfer: landed?.about.transfer });
  receiver.cut();
});

test("an order and a refusal are answered as the pages say", async () => {
  const invite = await open(new Place());
  const sender = await Conversation.open(invite, "sender");
  const file = { transfer: newId(), queue: "default", name: "a", content: Buffer.from("a") };
  await upload(sender, file);
  await expect(upload(sender, { ...file, name: "b" })).rejects.toThrow("transfer-conflict");
  await expect(upload(sender, { ...file, transfer: newId(), name: ".." })).rejects.toThrow("name-refused");
  await sender.bye();
  const operator = await Conversation.open(invite, "operator");
  operator.say("cancel", { transfer: file.transfer });
  expect((await operator.hear("done")).body).toEqual({ files: 1 });
  operator.say("cancel", { transfer: newId() });
  expect((await operator.hear("refuse")).body).toMatchObject({ about: "cancel", code: "transfer-unknown" });
  operator.say("show", { transfer: file.transfer, look: 1 });
  expect((await operator.hear("state")).body).toMatchObject({ state: "cancelled" });
  operator.say("purge", { queue: "default", deadOnly: false });
  expect((await operator.hear("done")).body).toEqual({ files: 0 });
  await operator.bye();
});

test("without its token, or before another server's certificate, it gets nowhere and has said nothing", async () => {
  const place = new Place();
  const invite = await guarded(place, "photos");
  const { token: _, ...without } = invite;
  await expect(Conversation.open(without, "sender")).rejects.toThrow("token-refused");
  await expect(Conversation.open({ ...invite, queue: "others" }, "receiver")).rejects.toThrow("not-allowed");
  const stranger = { ...invite, cert: "0".repeat(64) };
  await expect(Conversation.open(stranger, "sender")).rejects.toThrow("certificate-refused");
});
