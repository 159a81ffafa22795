/** Lesson 2, frames you can trust: whichever single bit changes on the way, the reader must notice, and at once. */
import { broken, lesson } from "./lesson.mjs";

const MESSAGES = ["offer report.pdf", "data", "finish"].map((text) => Buffer.from(text));

/** A copy of the stream with one bit changed, for each bit. */
function* flipped(stream) {
  for (let bit = 0; bit < stream.length * 8; bit++) {
    const copy = Buffer.from(stream);
    copy[bit >> 3] ^= 1 << (bit & 7);
    yield { bit, copy };
  }
}

/** Three things can happen: damage is noticed, a wrong message comes out, or the reader waits for what nobody sends. */
function judge(decode, copy) {
  const { messages, damaged, waitsFor } = decode(copy);
  if (damaged) return "noticed";
  const isRight = messages.every((message, at) => MESSAGES[at] !== undefined && message.equals(MESSAGES[at]));
  if (!isRight || messages.length > MESSAGES.length) return "wrong";
  return messages.length < MESSAGES.length ? `waits for ${waitsFor}` : "wrong";
}

await lesson(import.meta.url, ({ encode, decode }) => {
  const stream = encode(MESSAGES);
  const verdicts = [...flipped(stream)].map(({ bit, copy }) => ({ bit, verdict: judge(decode, copy) }));
  const of = (word) => verdicts.filter(({ verdict }) => verdict.startsWith(word));
  return {
    "an undamaged stream comes out as it went in": () => {
      const { messages, damaged } = decode(stream);
      if (damaged || Buffer.concat(messages).compare(Buffer.concat(MESSAGES)) !== 0) broken("it does not");
    },
    "no changed bit yields another message": () => {
      const wrong = of("wrong");
      if (wrong.length > 0) broken(`${wrong.length} of ${verdicts.length} do, the first is bit ${wrong[0].bit}`);
    },
    "no changed bit makes the reader wait": () => {
      const waiting = of("waits");
      const bytes = Math.max(...waiting.map(({ verdict }) => Number(verdict.split(" ").at(-1))));
      if (waiting.length > 0) broken(`${waiting.length} of ${verdicts.length} do, for up to ${bytes} bytes`);
    },
  };
});
