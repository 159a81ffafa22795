/**
 * Which event of the delivery table a receiver's frame is.
 *
 * A receiver may speak of any delivery that it holds, at any moment. What that means for the
 * conversation depends on whether the server is in the middle of that delivery: a verdict on it
 * stops the sending, a verdict on an earlier one does not.
 *
 * Never here: whether the receiver holds that delivery at all (open-deliveries.ts).
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { Message } from "../../protocol/messages.ts";
import type { Data } from "../wire/connection.ts";

/** Events that a frame can be; the table has others, which the spool and the server cause. */
type FrameEvent = "want" | "start" | "late" | "working" | "verdict" | "settle" | "bye";

/**
 * @param current the token of the delivery in progress, if there is one
 * @throws FilespoolError frame-unexpected: no receiver sends this
 */
export function eventOf(frame: Message | Data, current: string | undefined): FrameEvent {
  switch (frame.type) {
    case "ack":
    case "nack":
      return frame.delivery === current ? "verdict" : "settle";
    case "start":
      return frame.delivery === current ? "start" : "late";
    case "want":
    case "working":
    case "bye":
      return frame.type;
    default:
      throw new FilespoolError("frame-unexpected", `a receiver does not send ${frame.type}`);
  }
}
