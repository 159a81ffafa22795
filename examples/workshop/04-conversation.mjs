/** Lesson 4, a conversation, not a stream: what may come now? A server for uploads is tried with what a sender may send. */
import { broken, lesson } from "./lesson.mjs";

const OFFER = { type: "offer", name: "a" };
const TOO_LARGE = { type: "offer", name: "too-large" };
const DATA = { type: "data", text: "abc" };
const OTHER_DATA = { type: "data", text: "xyz" };
const FINISH = { type: "finish" };

/** Lets a server take frames; returns what it answered, what it stored and the rule that it says was broken, if any. */
function converse(createServer, frames) {
  const stored = {};
  const spool = {
    mayTake: (name) => name !== "too-large",
    store: (name, text) => {
      stored[name] = text;
    },
  };
  const server = createServer(spool);
  const answers = [];
  for (const frame of frames) {
    try {
      answers.push(...server.on(frame));
    } catch (error) {
      return { answers, stored, rule: error.code === "not-allowed" ? frame.type : null, error };
    }
  }
  return { answers, stored, rule: null, error: null };
}

const expect = (found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted))
    broken(`expected ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}`);
};

await lesson(import.meta.url, ({ createServer }) => ({
  "one file is stored": () => {
    const { answers, stored } = converse(createServer, [OFFER, DATA, DATA, FINISH]);
    expect([answers, stored], [["accept", "stored"], { a: "abcabc" }]);
  },
  "the rest of a refused file, already on its way, harms nobody": () => {
    // A sender that does not wait for answers has sent all of this before it hears "refuse".
    const { answers, stored, error } = converse(createServer, [TOO_LARGE, OTHER_DATA, FINISH, OFFER, DATA, FINISH]);
    if (error) broken(`the conversation ended with ${error}`);
    expect([answers, stored], [["refuse", "accept", "stored"], { a: "abc" }]);
  },
  "a second offer inside a file breaks a rule": () => {
    const { stored, rule } = converse(createServer, [OFFER, DATA, { type: "offer", name: "b" }, OTHER_DATA, FINISH]);
    if (rule !== "offer") broken(`nobody minds; stored: ${JSON.stringify(stored)}`);
  },
  "whatever comes where it may not breaks a rule, and is no accident": () => {
    for (const frames of [[DATA], [FINISH], [OFFER, DATA, FINISH, FINISH], [OFFER, DATA, FINISH, DATA]]) {
      const { rule, error } = converse(createServer, frames);
      const last = frames.at(-1).type;
      if (rule !== last) broken(`${frames.map(({ type }) => type).join(", ")}: ${error ?? `${last} is taken`}`);
    }
  },
}));
