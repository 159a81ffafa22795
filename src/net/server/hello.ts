/**
 * The first frame of a client: what it must say before a server looks at who it is.
 *
 * These rules need nothing but the frame. What needs the server's memory (rights, older connections
 * of the same peer) follows in server.ts, and never before these.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import type { Data } from "../wire/connection.ts";
import type { Sessions } from "./session.ts";

/**
 * Takes a frame for a hello.
 * @throws FilespoolError frame-unexpected, version-unsupported, role-unsupported, message-invalid
 */
export function asHello(frame: Message | Data, sessions: Sessions): MessageOf<"hello"> {
  if (frame.type !== "hello")
    throw new FilespoolError("frame-unexpected", `a conversation begins with hello, not ${frame.type}`);
  if (!frame.versions.some((version) => LIMITS.versions.includes(version))) {
    const both = `you speak ${frame.versions.join(", ")}, this server speaks ${LIMITS.versions.join(", ")}`;
    throw new FilespoolError("version-unsupported", both);
  }
  if (!sessions[frame.role]) throw new FilespoolError("role-unsupported", `this server takes no ${frame.role}s`);
  if (frame.role === "receiver" && frame.queue === undefined)
    throw new FilespoolError("message-invalid", "a receiver names a queue");
  return frame;
}
