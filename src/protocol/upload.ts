/**
 * The upload conversation, from both ends: how a file gets from a sender into a queue.
 *
 *     sender                                server
 *     hello ------------------------------>
 *           <------------------------------ welcome             version, limits, durability
 *     offer (wait) ----------------------->                     a large file asks first ...
 *           <------------------------------ accept 48 MiB       ... and is told where to go on
 *     data @48 MiB ... ------------------->
 *           <------------------------------ progress 64 MiB     so far on disk
 *     finish digest ---------------------->                     and the size, if it was not known
 *     offer, data, finish ---------------->                     a small one does not ask first
 *           <------------------------------ stored              the large one
 *           <------------------------------ stored              the small one
 *
 * The server decides every offset, since only it knows what is on its disk. The sender chooses the
 * transfer id, so that it can repeat an offer after any loss without making a second file. Why:
 * adr/0011 (id), adr/0012 (resume point).
 */
import type { Transitions } from "./state-machine.ts";

/**
 * Server half, one machine per connection.
 *
 *   greeting   nobody has said hello
 *   ready      no file is arriving; everything before was stored, cancelled or refused
 *   opening    a file was offered, and the spool has not answered
 *   receiving  data of that file may arrive
 *   skipping   data of a file that is not wanted may arrive, and is dropped
 *   closed     the sender has said goodbye
 *
 * The state `opening` has no cells for frames. The server reads no further frame until the spool
 * has answered, so whatever a sender has sent ahead simply waits in the socket. After a refusal,
 * the rest of that file may be on its way already; that is what `skipping` is for. Events that are
 * no frames:
 *
 *   accepted  the spool takes the file, from its durable offset on
 *   already   the spool has the whole file, by an earlier offer
 *   refused   the spool does not take the file, or cannot go on with it
 */
// region: upload-server
export const UPLOAD_SERVER = {
  greeting: { hello: { to: "ready", do: ["welcome"] } },
  ready: {
    offer: { to: "opening", do: ["open"] },
    bye: { to: "closed", do: ["close"] },
  },
  opening: {
    accepted: { to: "receiving", do: ["tellOffset"] },
    already: { to: "skipping", do: ["tellStored"] },
    refused: { to: "skipping", do: ["tellRefused"] },
  },
  receiving: {
    data: { to: "receiving", do: ["append"] },
    finish: { to: "ready", do: ["store"] },
    cancel: { to: "ready", do: ["discard"] },
    refused: { to: "skipping", do: ["tellRefused"] },
  },
  skipping: {
    data: { to: "skipping", do: [] },
    finish: { to: "ready", do: [] },
    cancel: { to: "ready", do: [] },
    offer: { to: "opening", do: ["open"] },
    bye: { to: "closed", do: ["close"] },
  },
  closed: {},
} as const satisfies Transitions;
// endregion: upload-server

/**
 * Sender half, one machine per transfer, because many transfers can be unanswered at once.
 *
 *   waiting    nothing is said about the file on this connection
 *   asking     the file was offered, and the server has not said from where it wants it
 *   sending    data of the file is on its way
 *   finishing  all data and the digest are on their way
 *   stored     the server has the file on its disk; the transfer is over
 *   failed     the file is given up, or refused for good; the transfer is over
 *
 * Events that are no frames:
 *
 *   ask, pipe  it is the turn of this file: a large one asks first, a small one goes at once
 *   end        the last byte was handed to the socket
 *   fail       the sender cannot read the file, or the file has changed
 *   lost       the connection ended
 *
 * After `lost`, every state but the last two goes back to `waiting`. The sender offers the file
 * again on its next connection, and the server knows what it has. So the sender has nothing to
 * remember.
 */
export const UPLOAD_SENDER = {
  waiting: {
    ask: { to: "asking", do: ["offer"] },
    pipe: { to: "sending", do: ["offer", "stream"] },
    fail: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  asking: {
    accept: { to: "sending", do: ["stream"] },
    stored: { to: "stored", do: ["settle"] },
    refuse: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  sending: {
    progress: { to: "sending", do: ["report"] },
    end: { to: "finishing", do: ["finish"] },
    fail: { to: "failed", do: ["cancel", "settle"] },
    stored: { to: "stored", do: ["settle"] },
    refuse: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  finishing: {
    progress: { to: "finishing", do: ["report"] },
    stored: { to: "stored", do: ["settle"] },
    refuse: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  stored: { lost: { to: "stored", do: [] } },
  failed: {
    // These crossed our cancel on the wire. No rule is broken.
    progress: { to: "failed", do: [] },
    stored: { to: "failed", do: [] },
    refuse: { to: "failed", do: [] },
    lost: { to: "failed", do: [] },
  },
} as const satisfies Transitions;
