/** States: the transition tables as tables and diagrams. Both are made of the constants that the programs run. */
import { DELIVERY_RECEIVER, DELIVERY_SERVER } from "../../../src/protocol/delivery.ts";
import { FRAMES } from "../../../src/protocol/frame.ts";
import { OPERATE_CLIENT, OPERATE_SERVER } from "../../../src/protocol/operate.ts";
import type { Transitions } from "../../../src/protocol/state-machine.ts";
import { UPLOAD_SENDER, UPLOAD_SERVER } from "../../../src/protocol/upload.ts";
import { code, fence, join, type Page, table } from "../markdown.ts";
import { prose } from "../prose.ts";
import { declarationComment, fileComment } from "../source-comments.ts";

interface Machine {
  readonly title: string;
  readonly file: string;
  readonly name: string;
  readonly table: Transitions;
}

const UPLOAD = "src/protocol/upload.ts";
const DELIVERY = "src/protocol/delivery.ts";
const OPERATE = "src/protocol/operate.ts";

const UPLOADS: readonly Machine[] = [
  { title: "Upload: the server", file: UPLOAD, name: "UPLOAD_SERVER", table: UPLOAD_SERVER },
  { title: "Upload: the sender", file: UPLOAD, name: "UPLOAD_SENDER", table: UPLOAD_SENDER },
];

const DELIVERIES: readonly Machine[] = [
  { title: "Delivery: the server", file: DELIVERY, name: "DELIVERY_SERVER", table: DELIVERY_SERVER },
  { title: "Delivery: the receiver", file: DELIVERY, name: "DELIVERY_RECEIVER", table: DELIVERY_RECEIVER },
];

const OPERATIONS: readonly Machine[] = [
  { title: "Operating: the server", file: OPERATE, name: "OPERATE_SERVER", table: OPERATE_SERVER },
  { title: "Operating: the operator", file: OPERATE, name: "OPERATE_CLIENT", table: OPERATE_CLIENT },
];

/** Events between the same two states share one arrow. */
function diagram(transitions: Transitions): string {
  const [first] = Object.keys(transitions);
  const arrows = new Map<string, string[]>();
  for (const [from, cells] of Object.entries(transitions)) {
    for (const [event, { to }] of Object.entries(cells)) {
      const key = `${from} --> ${to}`;
      arrows.set(key, [...(arrows.get(key) ?? []), event]);
    }
  }
  const lines = [...arrows].map(([key, events]) => `  ${key}: ${events.join(", ")}`);
  const ends = Object.entries(transitions).filter(([, cells]) => Object.keys(cells).length === 0);
  return ["stateDiagram-v2", `  [*] --> ${first}`, ...lines, ...ends.map(([state]) => `  ${state} --> [*]`)].join("\n");
}

const isFrame = (event: string): boolean => Object.hasOwn(FRAMES, event);

function machinePart({ title, file, name, table: transitions }: Machine): string {
  const rows = Object.entries(transitions).flatMap(([state, cells]) =>
    Object.entries(cells).map(([event, { to, do: effects }]) => [
      code(state),
      isFrame(event)
        ? `[${code(event)}](${event === "data" ? "wire.md#frame-types" : `messages.md#${event}`})`
        : code(event),
      code(to),
      effects.length === 0 ? "nothing" : effects.map(code).join(", "),
    ]),
  );
  const ends = Object.keys(transitions).filter((state) => Object.keys(transitions[state] as object).length === 0);
  return join(
    `### ${title}`,
    prose(declarationComment(file, name)),
    fence("mermaid", diagram(transitions)),
    table(["In state", "on", "goes to", "and does, in this order"], rows),
    ends.length === 0 ? "" : `The end: ${ends.map(code).join(", ")}.`,
  );
}

export function statesPage(): Page {
  return {
    name: "states",
    title: "States",
    about: "The three conversations, both halves of each: what may arrive when, and what follows.",
    from: [UPLOAD, DELIVERY, OPERATE, "src/protocol/state-machine.ts"],
    body: join(
      prose(fileComment("src/protocol/state-machine.ts")),
      "An event whose name is a link is a frame that arrives. The others come from inside: the spool answered, the file ended, the connection broke.",
      "## Upload",
      prose(fileComment(UPLOAD)),
      ...UPLOADS.map(machinePart),
      "## Delivery",
      prose(fileComment(DELIVERY)),
      ...DELIVERIES.map(machinePart),
      "## Operating",
      prose(fileComment(OPERATE)),
      ...OPERATIONS.map(machinePart),
    ),
  };
}

/** Frames that no table has under their own name. Any other that is missing there stops the generator. */
const ELSEWHERE: Readonly<Record<string, string>> = { error: "any", ping: "any", ack: "receiver", nack: "receiver" };

/** Who sends a frame: what a table waits for comes from the other end. */
export function sendersOf(frame: string): string {
  const waitsFor = (transitions: Transitions) =>
    Object.values(transitions).some((cells) => Object.hasOwn(cells, frame));
  const senders = [
    ...(waitsFor(UPLOAD_SERVER) ? ["sender"] : []),
    ...(waitsFor(DELIVERY_SERVER) ? ["receiver"] : []),
    ...(waitsFor(OPERATE_SERVER) ? ["operator"] : []),
    ...(waitsFor(UPLOAD_SENDER) || waitsFor(DELIVERY_RECEIVER) || waitsFor(OPERATE_CLIENT) ? ["server"] : []),
  ];
  const known = senders.length > 0 ? senders.join(", ") : ELSEWHERE[frame];
  if (known === undefined)
    throw new Error(`no transition table waits for the frame ${frame}, and ELSEWHERE does not know it`);
  return known;
}
