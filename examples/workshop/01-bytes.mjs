/** Lesson 1, bytes are not messages: what goes in as messages must come out as the same, however the stream is cut. */
import { broken, lesson } from "./lesson.mjs";

const MESSAGES = [Buffer.from("café"), Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from(""), Buffer.from("end")];

/** The stream in reads of at most `bytes` bytes: what a socket may hand out, and on a slow link does. */
function cut(stream, bytes) {
  const reads = [];
  for (let at = 0; at < stream.length; at += bytes) reads.push(stream.subarray(at, at + bytes));
  return reads;
}

const show = (messages) => messages.map((bytes) => (bytes.length > 0 ? bytes.toString("hex") : "(empty)")).join(" | ");

await lesson(import.meta.url, ({ encode, decode }) => ({
  "one message in one read": () => {
    const { messages } = decode([encode([MESSAGES[3]])]);
    if (show(messages) !== show([MESSAGES[3]])) broken(`"end" came out as ${show(messages)}`);
  },
  "four messages in one read": () => {
    const { messages } = decode([encode(MESSAGES)]);
    if (show(messages) !== show(MESSAGES)) broken(`4 messages went in, ${messages.length} came out: ${show(messages)}`);
  },
  "any size of the reads gives the same messages": () => {
    for (let bytes = 1; bytes <= 64; bytes++) {
      const { messages } = decode(cut(encode(MESSAGES), bytes));
      if (show(messages) !== show(MESSAGES)) broken(`reads of ${bytes} byte(s) gave ${show(messages).slice(0, 40)}...`);
    }
  },
  "a stream that was cut is not complete": () => {
    const stream = encode(MESSAGES);
    for (let length = 1; length < stream.length; length++) {
      const { messages, complete } = decode([stream.subarray(0, length)]);
      if (complete && messages.length < MESSAGES.length && !isBetween(encode, messages, length))
        broken(`${length} of ${stream.length} bytes arrived, and it reports success`);
    }
  },
}));

/** Whether a stream of `length` bytes ends exactly between two messages. */
function isBetween(encode, messages, length) {
  return encode(messages).length === length && show(messages) === show(MESSAGES.slice(0, messages.length));
}
