/**
 * Lesson 9, convincing ourselves: a test is tried as the programs before it were. It gets a decoder that is right, which
 * it must accept, and five with a planted fault, each of which it must reject.
 */
import { broken, lesson } from "./lesson.mjs";
import { encode, decode as right } from "./solved/01-bytes.mjs";

const FAULTS = {
  "drops what a read leaves over": (reads) => {
    const parts = reads.map((read) => right([read]));
    return { messages: parts.flatMap(({ messages }) => messages), complete: parts.every(({ complete }) => complete) };
  },
  "takes bytes for text": (reads) => {
    const { messages, complete } = right(reads);
    return { messages: messages.map((message) => Buffer.from(message.toString("utf8"))), complete };
  },
  "forgets empty messages": (reads) => {
    const { messages, complete } = right(reads);
    return { messages: messages.filter((message) => message.length > 0), complete };
  },
  "calls every end complete": (reads) => ({ ...right(reads), complete: true }),
  "loses what is behind 256 bytes": (reads) => {
    const { messages, complete } = right(reads);
    return { messages: messages.map((message) => message.subarray(0, 256)), complete };
  },
};

async function accepts(test, decode) {
  try {
    await test(encode, decode);
    return true;
  } catch {
    return false;
  }
}

await lesson(import.meta.url, ({ test }) => {
  const laws = {
    "the right decoder passes": async () => {
      if (!(await accepts(test, right))) broken("the test rejects it");
    },
  };
  for (const [fault, decode] of Object.entries(FAULTS))
    laws[`a decoder that ${fault} does not`] = async () => {
      if (await accepts(test, decode)) broken("the test has not noticed");
    };
  return laws;
});
