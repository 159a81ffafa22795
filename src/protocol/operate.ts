/**
 * The operator's conversation: looking after the queues of a running server. Both halves, side by side.
 *
 *     operator                              server
 *     hello ------------------------------>
 *           <------------------------------ welcome
 *     list files of "photos" ------------->
 *           <------------------------------ row, row, ... page 173        so many, and where the rest begins
 *     show A, show B (wait 60 s) --------->                               any number may be open at a time
 *     cancel C --------------------------->                               one order at a time
 *           <------------------------------ state A                       answered at once
 *           <------------------------------ done                          C is gone, and stays gone
 *           <------------------------------ state B                       when somebody has collected it
 *     bye -------------------------------->
 *
 * Two kinds of requests, because they have two kinds of time: an *order* (a page of a list, cancel, requeue, purge) is
 * carried out before the next frame is read, so that orders follow each other as they were given; a *look* (`show`)
 * may wait for a file to be collected, and must hold up nothing. A refusal says which of them it is about: the name
 * of the order, or the number of the look.
 *
 * The same port and protocol as for files, so that one address, one encryption and one set of rights guard both:
 * adr/0038. What a sender learns by looking: adr/0039.
 */
import type { Transitions } from "./state-machine.ts";

/**
 * Server half, one machine per connection. `working` has no cells for frames: the next one is read when the order
 * is carried out. A look is answered in any state, also between the rows of a page.
 */
export const OPERATE_SERVER = {
  greeting: { hello: { to: "ready", do: ["welcome"] } },
  ready: {
    list: { to: "working", do: ["list"] },
    cancel: { to: "working", do: ["cancel"] },
    requeue: { to: "working", do: ["requeue"] },
    purge: { to: "working", do: ["purge"] },
    show: { to: "ready", do: ["look"] },
    seen: { to: "ready", do: ["tellState"] },
    bye: { to: "closed", do: ["close"] },
  },
  working: {
    listed: { to: "ready", do: ["tellPage"] },
    carriedOut: { to: "ready", do: ["tellDone"] },
    refused: { to: "ready", do: ["tellRefused"] },
    seen: { to: "working", do: ["tellState"] },
  },
  closed: { seen: { to: "closed", do: [] } },
} as const satisfies Transitions;

/** Operator half, one machine per connection. `order` is a list, cancel, requeue or purge; `look` is a show. */
export const OPERATE_CLIENT = {
  greeting: { welcome: { to: "ready", do: [] } },
  ready: {
    order: { to: "ordered", do: ["send"] },
    look: { to: "ready", do: ["send"] },
    state: { to: "ready", do: ["answerLook"] },
    refuseLook: { to: "ready", do: ["failLook"] },
    bye: { to: "closed", do: ["close"] },
  },
  ordered: {
    row: { to: "ordered", do: ["take"] },
    tally: { to: "ordered", do: ["take"] },
    page: { to: "ready", do: ["answerOrder"] },
    done: { to: "ready", do: ["answerOrder"] },
    refuseOrder: { to: "ready", do: ["failOrder"] },
    look: { to: "ordered", do: ["send"] },
    state: { to: "ordered", do: ["answerLook"] },
    refuseLook: { to: "ordered", do: ["failLook"] },
    // Leaving in the middle is allowed: the server carries out the order all the same, and reads the goodbye after it.
    bye: { to: "closed", do: ["close"] },
  },
  closed: {
    // Looks that were still open when the operator said goodbye.
    state: { to: "closed", do: [] },
    refuseLook: { to: "closed", do: [] },
    // The rest of the answer to the order that was under way.
    row: { to: "closed", do: [] },
    tally: { to: "closed", do: [] },
    page: { to: "closed", do: [] },
    done: { to: "closed", do: [] },
    refuseOrder: { to: "closed", do: [] },
  },
} as const satisfies Transitions;
