/**
 * The operator's conversation, from both ends: looking after the queues of a running server.
 *
 *     operator                              server
 *     hello ------------------------------>
 *           <------------------------------ welcome
 *     list files of "photos" ------------->
 *           <------------------------------ row, row, ... page 173   and where the rest begins
 *     show A, show B (wait 60 s) --------->                          any number may be open
 *     cancel C --------------------------->                          one order at a time
 *           <------------------------------ state A                  answered at once
 *           <------------------------------ done                     C is gone, and stays gone
 *           <------------------------------ state B                  when somebody has collected it
 *     bye -------------------------------->
 *
 * There are two kinds of requests, because they take two kinds of time. An *order* is a page of a
 * list, a cancel, a requeue or a purge. The server carries it out before it reads the next frame,
 * so orders follow each other as they were given. A *look* (`show`) may wait until somebody
 * collects a file, and must hold up nothing. A refusal says what it is about: the name of the
 * order, or the number of the look.
 *
 * Operators use the same port and protocol as senders and receivers. So one address, one encryption
 * and one set of rights guard both (adr/0038). What a sender learns by looking: adr/0039.
 */
import type { Transitions } from "./state-machine.ts";

/**
 * Server half, one machine per connection.
 *
 *   greeting  nobody has said hello
 *   ready     no order is under way
 *   working   an order is being carried out
 *   closed    the operator has said goodbye
 *
 * The state `working` has no cells for frames. The server reads the next one when the order is
 * carried out. It answers a look in any state, also between the rows of a page. Events that are no
 * frames:
 *
 *   listed      all rows of the page are sent
 *   carriedOut  the order is carried out, and durable
 *   refused     the order cannot be carried out
 *   seen        a look has its answer
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

/**
 * Operator half, one machine per connection.
 *
 *   greeting  the server has not answered the hello
 *   ready     no order is unanswered; looks may be
 *   ordered   one order is unanswered
 *   closed    the operator has said goodbye
 *
 * Events that are no frames:
 *
 *   order        the operator gives one: list, cancel, requeue or purge
 *   look         the operator looks: show
 *   refuseOrder  a refusal of the order
 *   refuseLook   a refusal of a look
 */
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
    // An operator may leave in the middle. The server carries out the order all the same, and reads
    // the goodbye after it.
    bye: { to: "closed", do: ["close"] },
  },
  closed: {
    // The looks that were open when the operator said goodbye.
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
