/**
 * The delivery conversation, from both ends: how a file gets out of a queue and into a folder.
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
 * Each delivery is one attempt under a lease, and has a fencing token as its name. A receiver that
 * gives no verdict in time loses the lease, and the file goes back to the head of its queue. So the
 * server may *deliver* a file more than once. It is the receiver who sees to it that the file
 * *lands* once (net/receiver/landing.ts). Why: adr/0014.
 */
import type { Transitions } from "./state-machine.ts";

/**
 * Server half, one machine per connection.
 *
 * The server sends the data of one delivery at a time, the delivery in progress. Verdicts about
 * earlier deliveries may arrive at any moment, since a receiver needs time to put a file on its
 * disk.
 *
 *   greeting   nobody has said hello
 *   ready      no delivery is in progress; the receiver may have room for more, or not
 *   asking     a large file was offered, and the receiver has not said where to start
 *   streaming  data of the delivery in progress is on its way
 *   closed     the receiver has said goodbye
 *
 * Events that are no frames:
 *
 *   small, large  the spool gave a file that is short enough to follow at once, or is not
 *   none          the spool has no file for this receiver
 *   sent          all data of the delivery in progress was handed to the socket
 *   lost          the lease of the delivery in progress is over, or its content cannot be read
 *   verdict       an ack or nack of the delivery in progress
 *   settle        an ack or nack of an earlier delivery
 *   late          a start of a delivery that is not in progress
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
    // The start crossed our withdrawal on the wire, and perhaps our next deliver. No rule is
    // broken.
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
 * Receiver half, one machine per connection.
 *
 *   greeting   the server has not answered the hello
 *   ready      no file is arriving
 *   deciding   a file was delivered, and the receiver looks what its folder has of it
 *   receiving  data of that file arrives, and goes to the disk
 *   skipping   data of that file arrives, and the receiver drops it
 *   closed     the receiver has said goodbye
 *
 * The state `deciding` has no cells for frames. To look at the folder takes a moment, and the
 * receiver reads no further frame before it knows. Events that are no frames:
 *
 *   begin    the receiver takes the file, from the offset that its folder needs
 *   decline  the receiver does not want the content: it has the file, or cannot take it
 *   full     the last byte of the file is here
 *   stop     the disk takes no more of the file
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
    // Data that is on its way already still arrives; `skipping` drops it.
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
