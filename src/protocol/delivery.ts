/**
 * The delivery conversation: how a file gets out of a queue and into a folder. Both halves, side by side.
 *
 *     server                                receiver
 *           <------------------------------ hello (queue)
 *     welcome ---------------------------->
 *           <------------------------------ want 64             room for so many deliveries
 *     deliver A, data -------------------->                     a small file: no round trip
 *     deliver B (large) ------------------>
 *           <------------------------------ start B @16 MiB     what is missing here
 *           <------------------------------ ack A               A is in the folder, on disk
 *     acked A ---------------------------->                     and will not come again
 *     data @16 MiB ... ------------------->
 *           <------------------------------ ack B
 *     acked B, empty --------------------->
 *           <------------------------------ bye
 *
 * Each delivery is an attempt under a lease, named by a fencing token. Whoever gives no verdict in time
 * loses the lease, and the file goes back to the head of its queue. So a file may be *delivered* more
 * than once; that it *lands* once is the receiver's part (net/receiver/landing.ts). Why: adr/0014.
 */
import type { Transitions } from "./state-machine.ts";

/**
 * Server half, one machine per connection. Data is sent for one delivery at a time, while verdicts about
 * earlier ones may arrive at any moment: `verdict` is about the delivery in progress, `settle` about
 * another; `late` is a start about another. `none` is the spool's answer that nothing is waiting.
 */
export const DELIVERY_SERVER = {
  greeting: { hello: { to: "ready", do: ["welcome"] } },
  ready: {
    want: { to: "ready", do: ["credit"] },
    small: { to: "streaming", do: ["deliver", "stream"] },
    large: { to: "asking", do: ["deliver"] },
    none: { to: "ready", do: ["tellEmpty"] },
    settle: { to: "ready", do: ["record"] },
    working: { to: "ready", do: ["renew"] },
    // It crossed our withdrawal on the wire, maybe also our next deliver; nobody broke a rule.
    late: { to: "ready", do: ["tellLost"] },
    bye: { to: "closed", do: ["close"] },
  },
  asking: {
    want: { to: "asking", do: ["credit"] },
    start: { to: "streaming", do: ["stream"] },
    late: { to: "asking", do: ["tellLost"] },
    verdict: { to: "ready", do: ["record"] },
    settle: { to: "asking", do: ["record"] },
    working: { to: "asking", do: ["renew"] },
    lost: { to: "ready", do: ["withdraw"] },
    bye: { to: "closed", do: ["close"] },
  },
  streaming: {
    want: { to: "streaming", do: ["credit"] },
    sent: { to: "ready", do: [] },
    late: { to: "streaming", do: ["tellLost"] },
    verdict: { to: "ready", do: ["record"] },
    settle: { to: "streaming", do: ["record"] },
    working: { to: "streaming", do: ["renew"] },
    lost: { to: "ready", do: ["withdraw"] },
    bye: { to: "closed", do: ["close"] },
  },
  closed: {},
} as const satisfies Transitions;

/**
 * Receiver half, one machine per connection. `deciding` has no cells for frames: looking at the folder
 * takes a moment, and no further frame is read meanwhile. `full` is the last byte of the file.
 */
export const DELIVERY_RECEIVER = {
  greeting: { welcome: { to: "ready", do: ["want"] } },
  ready: {
    deliver: { to: "deciding", do: ["decide"] },
    empty: { to: "ready", do: ["caughtUp"] },
    acked: { to: "ready", do: ["settle"] },
    refuse: { to: "ready", do: ["giveUp"] },
    withdraw: { to: "ready", do: ["giveUp"] },
    bye: { to: "closed", do: ["close"] },
  },
  deciding: {
    begin: { to: "receiving", do: ["tellStart"] },
    decline: { to: "skipping", do: [] },
  },
  receiving: {
    data: { to: "receiving", do: ["write"] },
    full: { to: "ready", do: ["land"] },
    // The disk takes no more of it. What is on its way already is read and dropped.
    stop: { to: "skipping", do: ["suspend"] },
    withdraw: { to: "ready", do: ["suspend", "giveUp"] },
    acked: { to: "receiving", do: ["settle"] },
    refuse: { to: "receiving", do: ["giveUp"] },
    bye: { to: "closed", do: ["suspend", "close"] },
  },
  skipping: {
    data: { to: "skipping", do: [] },
    deliver: { to: "deciding", do: ["decide"] },
    withdraw: { to: "ready", do: [] },
    empty: { to: "ready", do: ["caughtUp"] },
    acked: { to: "skipping", do: ["settle"] },
    refuse: { to: "skipping", do: ["giveUp"] },
    bye: { to: "closed", do: ["close"] },
  },
  closed: {},
} as const satisfies Transitions;
