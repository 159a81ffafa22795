/**
 * The conversations one can step through, and what happens when one does.
 *
 * The tables are the constants of src/protocol and the steps are taken by its Conversation; this file names them and
 * remembers. Invariant: a history is replayed from the start, so a link cannot put a machine into a state that no
 * conversation reaches.
 */
import { DELIVERY_RECEIVER, DELIVERY_SERVER } from "../../../../src/protocol/delivery.ts";
import { ERRORS, type FilespoolError, known } from "../../../../src/protocol/errors.ts";
import { OPERATE_CLIENT, OPERATE_SERVER } from "../../../../src/protocol/operate.ts";
import { Conversation, type Transitions } from "../../../../src/protocol/state-machine.ts";
import { UPLOAD_SENDER, UPLOAD_SERVER } from "../../../../src/protocol/upload.ts";

/** The first state of each is the one it starts in. */
export const MACHINES = {
  UPLOAD_SERVER: { title: "Upload, the server's half", table: UPLOAD_SERVER },
  UPLOAD_SENDER: { title: "Upload, the sender's half", table: UPLOAD_SENDER },
  DELIVERY_SERVER: { title: "Delivery, the server's half", table: DELIVERY_SERVER },
  DELIVERY_RECEIVER: { title: "Delivery, the receiver's half", table: DELIVERY_RECEIVER },
  OPERATE_SERVER: { title: "Operating, the server's half", table: OPERATE_SERVER },
  OPERATE_CLIENT: { title: "Operating, the operator's half", table: OPERATE_CLIENT },
} as const satisfies Record<string, { title: string; table: Transitions }>;

export type MachineName = keyof typeof MACHINES;
export const isMachine = (name: string): name is MachineName => Object.hasOwn(MACHINES, name);

/** Events after which a link grows no longer. */
export const HISTORY_MAX = 200;

export interface Step {
  readonly event: string;
  readonly from: string;
  readonly to: string;
  readonly effects: readonly string[];
}

export interface Walk {
  readonly state: string;
  readonly steps: readonly Step[];
  /** The event that the table has no cell for, and what the machine said; the conversation is over. */
  readonly refused: { readonly event: string; readonly error: FilespoolError; readonly means: string } | null;
}

export const startOf = (table: Transitions): string => Object.keys(table)[0] as string;

/** Every event that occurs in the table, in the order in which it first does. */
export const eventsOf = (table: Transitions): string[] => [
  ...new Set(Object.values(table).flatMap((row) => Object.keys(row))),
];

/** Takes the events one after the other, until one is refused. */
export function walk(table: Transitions, events: readonly string[]): Walk {
  const talk = new Conversation<Transitions>(table, startOf(table));
  const steps: Step[] = [];
  for (const event of events) {
    const from = talk.state;
    try {
      const effects = talk.on(event as never);
      steps.push({ event, from, to: talk.state, effects });
    } catch (error) {
      const failure = known(error);
      return { state: from, steps, refused: { event, error: failure, means: ERRORS[failure.code].means } };
    }
  }
  return { state: talk.state, steps, refused: null };
}

export interface StepperState {
  readonly machine: MachineName;
  readonly events: readonly string[];
}

export const encodeState = ({ machine, events }: StepperState): string => [machine, ...events].join(".");

/** Null for a machine that does not exist; what follows an event that is unknown or refused is left out. */
export function decodeState(text: string): StepperState | null {
  const [machine = "", ...events] = text.split(".");
  if (!isMachine(machine)) return null;
  const { table } = MACHINES[machine];
  const names = eventsOf(table);
  const stranger = events.findIndex((event) => !names.includes(event));
  const known = events.slice(0, stranger < 0 ? HISTORY_MAX : Math.min(stranger, HISTORY_MAX));
  const { steps, refused } = walk(table, known);
  return { machine, events: known.slice(0, steps.length + (refused ? 1 : 0)) };
}
